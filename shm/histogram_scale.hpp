// histogram_scale: which bucket of a histogram a number falls into, and what a bucket stands for.
//
// Log-linear: every power of two is cut into 2^precision_bits equal buckets, and below 2^(bits + 1)
// every number has a bucket of its own. So a bucket is never wider than its numbers divided by
// 2^bits: 5 bits are 3.2 per cent, and 1,016 buckets up to a minute in nanoseconds.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace covey {

struct histogram_scale
{
    std::uint64_t highest = 60'000'000'000; // greater numbers count in the last bucket
    std::uint32_t precision_bits = 5;       // 1 to 14

    constexpr bool valid() const { return precision_bits >= 1 && precision_bits <= 14; }

    constexpr std::uint64_t buckets() const { return bucket_of(highest) + 1; }

    constexpr std::uint64_t bucket_of(std::uint64_t number) const
    {
        number = number < highest ? number : highest;
        if (number >> (precision_bits + 1) == 0)
            return number;
        auto const top = static_cast<std::uint32_t>(std::bit_width(number)) - 1;
        auto const shift = top - precision_bits;
        return (std::uint64_t{shift} << precision_bits) + (number >> shift);
    }

    // The least and the greatest number of a bucket.
    constexpr std::uint64_t lowest_of(std::uint64_t bucket) const
    {
        if (bucket >> (precision_bits + 1) == 0)
            return bucket;
        auto const shift = (bucket >> precision_bits) - 1;
        return (bucket - (shift << precision_bits)) << shift;
    }
    constexpr std::uint64_t highest_of(std::uint64_t bucket) const
    {
        if (bucket >> (precision_bits + 1) == 0)
            return bucket;
        auto const shift = (bucket >> precision_bits) - 1;
        return lowest_of(bucket) + ((std::uint64_t{1} << shift) - 1);
    }

    // "up to 1000000, 5 bits": in a schema's text. parse() reads one that begins at `at`, which
    // moves behind it; none when there is no valid one.
    std::string text() const;
    static std::optional<histogram_scale> parse(std::string_view text, std::size_t& at);

    friend bool operator==(histogram_scale const&, histogram_scale const&) = default;
};

} // namespace covey
