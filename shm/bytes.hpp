// bytes<N>: at most N bytes that live inside a row: a hash, a token, something encoded.
//
// A value: trivially copyable, compared by its bytes (what is not used is zero).
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

namespace covey {

template <std::size_t N>
class bytes
{
  public:
    static_assert(N >= 1 && N <= 65'535, "bytes<N> holds 1 to 65535 bytes");
    static constexpr std::size_t capacity = N;

    constexpr bytes() = default;

    // Throws std::length_error when it does not fit; fits() asks first.
    constexpr bytes(std::span<std::byte const> from)
    {
        if (!fits(from))
            throw std::length_error{std::to_string(from.size()) + " bytes do not fit bytes<" +
                                    std::to_string(N) + ">"};
        std::copy(from.begin(), from.end(), bytes_.begin());
        size_ = static_cast<std::uint16_t>(from.size());
    }

    static constexpr bool fits(std::span<std::byte const> from) { return from.size() <= N; }

    constexpr std::size_t size() const { return size_ <= N ? size_ : N; } // shared bytes may lie
    constexpr bool empty() const { return size_ == 0; }
    constexpr std::span<std::byte const> view() const { return {bytes_.data(), size()}; }
    constexpr operator std::span<std::byte const>() const { return view(); }

    friend constexpr bool operator==(bytes const& a, bytes const& b)
    {
        return std::ranges::equal(a.view(), b.view());
    }
    friend constexpr auto operator<=>(bytes const& a, bytes const& b)
    {
        return std::lexicographical_compare_three_way(a.view().begin(), a.view().end(),
                                                      b.view().begin(), b.view().end());
    }

  private:
    std::uint16_t size_ = 0;
    std::array<std::byte, N> bytes_{};
};

} // namespace covey
