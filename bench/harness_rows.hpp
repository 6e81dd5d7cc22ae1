// harness_rows: the rows that stores are compared with, their keys, and dice to choose one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace covey::bench {

inline constexpr std::size_t row_bytes = 100;
using row = std::array<char, row_bytes>;

inline row row_of(char letter)
{
    row out;
    out.fill(letter);
    return out;
}

// "session:00001234"
class key_name
{
  public:
    static constexpr std::size_t bytes = 16;

    explicit key_name(std::uint64_t number)
    {
        for (auto at = bytes; at-- != prefix; number /= 10)
            text_[at] = static_cast<char>('0' + number % 10);
    }
    std::string_view view() const { return {text_.data(), bytes}; }

  private:
    static constexpr std::size_t prefix = 8;
    std::array<char, bytes> text_{'s', 'e', 's', 's', 'i', 'o', 'n', ':'};
};

class dice // xorshift64
{
  public:
    explicit dice(std::uint64_t seed)
        : state_{88'172'645'463'325'252ULL + seed * 7'919}
    {}
    // Below `end`, which is less than 2^32.
    std::uint64_t below(std::uint64_t end)
    {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return (state_ >> 32) * end >> 32;
    }

  private:
    std::uint64_t state_;
};

template <class Store>
void fill(Store& store, std::uint64_t keys)
{
    auto const first = row_of('x');
    for (std::uint64_t i = 0; i != keys; ++i)
        store.put(key_name{i}.view(), first);
}

} // namespace covey::bench
