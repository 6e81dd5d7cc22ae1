// totals: a counter's lines in the segment, one a block.
#pragma once

#include "arena.hpp"

#include <cstdint>

namespace covey::shm {

inline word& total_of(arena const& memory, field_plan const& field, std::uint32_t block)
{
    return memory.at<word>(field.totals + block * line_bytes);
}

inline std::int64_t sum_of(arena const& memory, field_plan const& field)
{
    std::uint64_t sum = 0;
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        sum += total_of(memory, field, block).load(std::memory_order_relaxed);
    return static_cast<std::int64_t>(sum);
}

inline bool any_subscriber(arena const& memory, field_plan const& field)
{
    std::uint64_t any = 0;
    auto const& subscribers = memory.at<block_set>(field.subscribers);
    for (std::uint32_t group = 0; group * 64 < memory.places().blocks; ++group)
        any |= subscribers.bits[group].load(std::memory_order_relaxed);
    return any != 0;
}

} // namespace covey::shm
