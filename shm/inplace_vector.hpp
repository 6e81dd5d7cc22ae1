// inplace_vector<T, N>: at most N values in order, inside a row. Named after C++26's, of which it
// has the part that rows need; unlike that one it is always trivially copyable, and what is not
// used is zero.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace covey {

template <class T, std::size_t N>
class inplace_vector
{
  public:
    static_assert(N >= 1 && N <= 65'535, "inplace_vector<T, N> holds 1 to 65535 values");
    static_assert(
        std::is_trivially_copyable_v<T>,
        "what an inplace_vector holds is copied as bytes: no std::string, no std::vector");
    using value_type = T;

    constexpr inplace_vector() = default;

    // Throws std::length_error when they do not fit.
    constexpr inplace_vector(std::initializer_list<T> from)
    {
        for (auto const& one : from)
            push_back(one);
    }

    static constexpr std::size_t capacity() { return N; }
    constexpr std::size_t size() const { return size_ <= N ? size_ : N; } // shared bytes may lie
    constexpr bool empty() const { return size_ == 0; }

    constexpr T const* begin() const { return values_.data(); }
    constexpr T const* end() const { return begin() + size(); }
    constexpr T* begin() { return values_.data(); }
    constexpr T* end() { return begin() + size(); }

    // `at` below size().
    constexpr T const& operator[](std::size_t at) const { return values_[at]; }
    constexpr T& operator[](std::size_t at) { return values_[at]; }

    // False when it is full.
    constexpr bool try_push_back(T const& one)
    {
        if (size() == N)
            return false;
        values_[size_++] = one;
        return true;
    }

    // Throws std::length_error when it is full.
    constexpr void push_back(T const& one)
    {
        if (!try_push_back(one))
            throw std::length_error{"an inplace_vector of " + std::to_string(N) +
                                    " values is full"};
    }
    constexpr void pop_back() { values_[--size_] = T{}; } // not empty

    // Takes out the one at `at`, below size(); those behind it move up.
    constexpr void erase_at(std::size_t at)
    {
        std::move(begin() + at + 1, end(), begin() + at);
        pop_back();
    }
    constexpr void clear() { *this = {}; }

    friend constexpr bool operator==(inplace_vector const& a, inplace_vector const& b)
    {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }

  private:
    std::uint32_t size_ = 0;
    std::array<T, N> values_{};
};

} // namespace covey
