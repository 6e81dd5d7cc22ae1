// lanes: fields that are plain words: a lane of cache lines for each block, written by that block
// alone, or one word that all of them share. They announce nothing; a subscriber compares samples.
#pragma once

#include "arena.hpp"

#include <cstdint>

namespace covey::shm {

inline word& lane_of(arena const& memory, field_plan const& field, std::uint32_t block,
                     std::uint64_t index = 0)
{
    return memory.at<word>(field.lanes + block * field.lane_bytes + index * sizeof(word));
}

inline word& shared_word_of(arena const& memory, field_plan const& field)
{
    return memory.at<word>(field.shared_word);
}

// Counters and gauges: the sum of all lanes.
inline std::uint64_t sum_of(arena const& memory, field_plan const& field)
{
    std::uint64_t sum = 0;
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        sum += lane_of(memory, field, block).load(std::memory_order_relaxed);
    return sum;
}

// Extremes: the greatest of all lanes (extreme.hpp tells how a minimum is one).
inline std::uint64_t greatest_of(arena const& memory, field_plan const& field)
{
    std::uint64_t greatest = 0;
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block) {
        auto const here = lane_of(memory, field, block).load(std::memory_order_relaxed);
        greatest = here > greatest ? here : greatest;
    }
    return greatest;
}

// An extreme's lane holds its number moved so that 0 is none and greater is more extreme.
constexpr std::uint64_t extreme_of_number(field_kind kind, std::int64_t number)
{
    constexpr auto sign_bit = std::uint64_t{1} << 63; // signed order becomes unsigned order
    auto const ordered = static_cast<std::uint64_t>(number) ^ sign_bit;
    return kind == field_kind::maximum ? ordered : ~ordered;
}
constexpr std::int64_t number_of_extreme(field_kind kind, std::uint64_t extreme)
{
    constexpr auto sign_bit = std::uint64_t{1} << 63;
    return static_cast<std::int64_t>((kind == field_kind::maximum ? extreme : ~extreme) ^ sign_bit);
}

// A word that differs when the field does: what subscribers compare.
inline std::uint64_t sample_of(arena const& memory, field_plan const& field)
{
    switch (field.kind) {
    case field_kind::counter:
    case field_kind::gauge:
        return sum_of(memory, field);
    case field_kind::maximum:
    case field_kind::minimum:
        return greatest_of(memory, field);
    case field_kind::lock:
    case field_kind::leader:
    case field_kind::rate_limiter:
        return shared_word_of(memory, field).load(std::memory_order_acquire);
    case field_kind::histogram: // read as a whole, not watched
    case field_kind::value:
    case field_kind::map:
    case field_kind::ring:
    case field_kind::queue:
        break;
    }
    return 0;
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
