// text<N>: a string of at most N bytes that lives inside a row.
//
// A value: trivially copyable, compared and hashed by its bytes (what is not used is zero). It
// holds any bytes, not only UTF-8.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace covey {

template <std::size_t N>
class text
{
  public:
    static_assert(N >= 1 && N <= 65'535, "text<N> holds 1 to 65535 bytes");
    static constexpr std::size_t capacity = N;

    constexpr text() = default;

    // Throws std::length_error when it does not fit; fits() asks first.
    constexpr text(std::string_view from)
    {
        if (!fits(from))
            throw std::length_error{"a text of " + std::to_string(from.size()) +
                                    " bytes does not fit text<" + std::to_string(N) + ">"};
        for (std::size_t i = 0; i != from.size(); ++i)
            bytes_[i] = from[i];
        size_ = static_cast<std::uint16_t>(from.size());
    }
    constexpr text(char const* from)
        : text{std::string_view{from}}
    {}
    text(std::string const& from)
        : text{std::string_view{from}}
    {}

    static constexpr bool fits(std::string_view from) { return from.size() <= N; }

    constexpr std::size_t size() const { return size_ <= N ? size_ : N; } // shared bytes may lie
    constexpr bool empty() const { return size_ == 0; }
    constexpr std::string_view view() const { return {bytes_.data(), size()}; }
    constexpr operator std::string_view() const { return view(); }

    friend constexpr bool operator==(text const& a, text const& b) { return a.view() == b.view(); }
    friend constexpr auto operator<=>(text const& a, text const& b)
    {
        return a.view() <=> b.view();
    }
    friend std::ostream& operator<<(std::ostream& out, text const& what)
    {
        return out << what.view();
    }

  private:
    std::uint16_t size_ = 0;
    std::array<char, N> bytes_{};
};

} // namespace covey
