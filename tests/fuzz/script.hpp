// script: what the fuzz targets share: the input read as a script, and claims about what happened.
//
// A target is one file, NAME.fuzz.cpp, with LLVMFuzzerTestOneInput in it, and one line in
// CMakeLists.txt. Inputs are small; a claim that does not hold aborts, which is what libFuzzer
// takes for a finding.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace covey::fuzz {

// Something that must hold whatever the input is.
inline void claim(bool holds, char const* what)
{
    if (holds)
        return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

// Numbers and bytes from the front of the input; zeros when it is used up.
class script
{
  public:
    script(std::uint8_t const* data, std::size_t size)
        : left_{data, size}
    {}

    bool empty() const { return left_.empty(); }

    std::uint8_t byte()
    {
        if (left_.empty())
            return 0;
        auto const value = left_.front();
        left_ = left_.subspan(1);
        return value;
    }
    // 0 .. below - 1
    std::size_t below(std::size_t bound) { return number() % bound; }

    std::uint16_t number()
    {
        auto const low = byte();
        return static_cast<std::uint16_t>(low | byte() << 8);
    }
    std::uint32_t word()
    {
        auto const low = number();
        return low | static_cast<std::uint32_t>(number()) << 16;
    }
    // At most so many bytes.
    std::string_view bytes(std::size_t most)
    {
        auto const taken = left_.first(std::min(most, left_.size()));
        left_ = left_.subspan(taken.size());
        return {reinterpret_cast<char const*>(taken.data()), taken.size()};
    }
    std::string_view rest() { return bytes(left_.size()); }

  private:
    std::span<std::uint8_t const> left_;
};

} // namespace covey::fuzz
