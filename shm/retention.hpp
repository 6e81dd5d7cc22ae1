// retention: how long a map keeps its rows, and what it does when it is full. Part of the schema.
#pragma once

#include <chrono>
#include <cstdint>

namespace covey {

enum class when_full : std::uint8_t {
    reject,      // a new key is refused: put_result::full
    expire_only, // rows whose time is over make room, nothing else does
    evict,       // then rows that nobody has read or written again for long: CLOCK
};

struct retention
{
    bool expires = false; // rows may have a time to live; costs 8 bytes a row
    when_full full = when_full::reject;
};

// How long a row lives from now on, on the machine's monotonic clock, in steps of its tick (4 ms
// here). `forever` is the default everywhere.
struct ttl
{
    std::chrono::nanoseconds time{0};

    constexpr ttl() = default;
    template <class Rep, class Period>
    constexpr ttl(std::chrono::duration<Rep, Period> from)
        : time{std::chrono::duration_cast<std::chrono::nanoseconds>(from)}
    {}
    constexpr bool is_forever() const { return time.count() <= 0; }
};
inline constexpr ttl forever{};

} // namespace covey
