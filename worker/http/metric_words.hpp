// metric_words: which word of a worker's statistics (shm/statistics.hpp) counts what of HTTP.
//
// Fixed for a layout_version, for workers of two programs write and read side by side while one
// reloads: new words take free places, and no word gets another meaning. Pure.
#pragma once

#include "denial.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace covey::http::metric_words {

// ---- single words ----
inline constexpr std::size_t log_dropped = 0;        // lines of standard error
inline constexpr std::size_t access_log_dropped = 1; // lines of the access log
inline constexpr std::size_t connections_opened = 2;
inline constexpr std::size_t duration_sum = 3; // nanoseconds

// ---- durations: a bucket for each bound, and one for what is longer ----
//
// Every bound is at least twice the one before it, so a power of two has at most one bound inside:
// a bucket is found by the number's width and one comparison.
inline constexpr std::array<std::uint64_t, 22> duration_bounds{
    1'000,         2'500,         5'000, // nanoseconds
    10'000,        25'000,        50'000,        100'000,       250'000,
    500'000,       1'000'000,     2'500'000,     5'000'000,     10'000'000,
    25'000'000,    50'000'000,    100'000'000,   250'000'000,   500'000'000,
    1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
inline constexpr std::size_t durations = 4;
inline constexpr std::size_t duration_buckets = duration_bounds.size() + 1;

namespace detail {

// For every width, how many bounds are below all numbers of it.
consteval std::array<std::uint8_t, 65> bounds_below()
{
    std::array<std::uint8_t, 65> out{};
    for (std::size_t width = 1; width <= 64; ++width) {
        auto const least = std::uint64_t{1} << (width - 1);
        for (auto const bound : duration_bounds)
            out[width] += bound < least ? 1 : 0;
    }
    return out;
}
inline constexpr auto first_of_width = bounds_below();

} // namespace detail

// The first bucket whose bound is not below `nanoseconds`, as Prometheus counts (le).
constexpr std::size_t duration_bucket(std::uint64_t nanoseconds)
{
    std::size_t const at = detail::first_of_width[std::bit_width(nanoseconds)];
    return at + (at != duration_bounds.size() && nanoseconds > duration_bounds[at] ? 1 : 0);
}

// ---- requests answered: a word for each method and code ----

inline constexpr std::array<std::string_view, 8> methods{"other", "GET",    "HEAD",  "POST",
                                                         "PUT",   "DELETE", "PATCH", "OPTIONS"};

// Index 0 to 4: any other code of 1xx ... 5xx. Registered ones follow (IANA, 2024); 0 is free.
inline constexpr std::array<std::uint16_t, 64> codes{
    1,   2,   3,   4,   5,                            // what is not listed
    101,                                              // no other 1xx is an answer
    200, 201, 202, 203, 204, 205, 206, 207, 208, 226, //
    300, 301, 302, 303, 304, 305, 307, 308,           //
    400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413,
    414, 415, 416, 417, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, //
    500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511};

inline constexpr std::size_t requests = 128;

namespace detail {

consteval std::array<std::uint8_t, 600> places_of_codes()
{
    std::array<std::uint8_t, 600> out{};
    for (std::size_t code = 0; code != out.size(); ++code)
        out[code] = code >= 100 ? static_cast<std::uint8_t>(code / 100 - 1) : 4;
    for (std::size_t at = 5; at != codes.size(); ++at)
        if (codes[at] != 0)
            out[codes[at]] = static_cast<std::uint8_t>(at);
    return out;
}
inline constexpr auto place_of_code = places_of_codes();

} // namespace detail

constexpr std::size_t code_index(unsigned code)
{
    return code < detail::place_of_code.size() ? detail::place_of_code[code] : 4;
}

constexpr std::size_t method_index(std::string_view method)
{
    if (method == "GET") // most of them
        return 1;
    for (std::size_t at = 2; at != methods.size(); ++at)
        if (method == methods[at])
            return at;
    return 0;
}

constexpr std::size_t request_word(std::size_t method, std::size_t code)
{
    return requests + method * codes.size() + code;
}

// ---- limits that a client has met, in the order of limit_hits.hpp ----

inline constexpr std::size_t limits = 96; // up to 127

// ---- requests refused, by the limit or the flaw; 32 to 95 once counted them by their codes ----

inline constexpr std::size_t rejected_for_limits = 640; // up to 671
inline constexpr std::size_t rejected_for_flaws = 672;  // up to 735

constexpr std::size_t rejected_word(limit met)
{
    return rejected_for_limits + static_cast<std::size_t>(met);
}
constexpr std::size_t rejected_word(flaw what)
{
    return rejected_for_flaws + static_cast<std::size_t>(what);
}
constexpr std::size_t rejected_word(denial why)
{
    return why.met == limit::none ? rejected_word(why.what) : rejected_word(why.met);
}

static_assert(durations + duration_buckets <= 32);
static_assert(limits + limit_count <= requests);
static_assert(request_word(methods.size() - 1, codes.size() - 1) < rejected_for_limits);
static_assert(limit_count < rejected_for_flaws - rejected_for_limits && flaw_count < 64);

} // namespace covey::http::metric_words
