// totals: a counter's lines in the segment, one a seat.
#pragma once

#include "arena.hpp"

#include <cstdint>

namespace covey::shm {

inline word& total_of(arena const& memory, field_plan const& field, std::uint32_t seat)
{
    return memory.at<word>(field.totals + seat * line_bytes);
}

inline std::int64_t sum_of(arena const& memory, field_plan const& field)
{
    std::uint64_t sum = 0;
    for (std::uint32_t seat = 0; seat != memory.places().seats; ++seat)
        sum += total_of(memory, field, seat).load(std::memory_order_relaxed);
    return static_cast<std::int64_t>(sum);
}

inline bool any_subscriber(arena const& memory, field_plan const& field)
{
    std::uint64_t any = 0;
    auto const& subscribers = memory.at<seat_set>(field.subscribers);
    for (std::uint32_t group = 0; group * 64 < memory.places().seats; ++group)
        any |= subscribers.bits[group].load(std::memory_order_relaxed);
    return any != 0;
}

} // namespace covey::shm
