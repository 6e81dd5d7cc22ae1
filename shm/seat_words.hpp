// seat_words: what the master's lane of the statistics counts: how the workers of each seat have
// ended; how often a dead writer's work was repaired, which whoever repairs counts; and how often
// writers of a field were in each other's way, which the one that was slower counts. Pure.
#pragma once

#include "statistics.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace covey::shm {

enum class worker_end : std::uint8_t {
    planned, // it was told to leave, or said that it would
    exited,  // by itself
    killed,  // by a signal
};
inline constexpr std::array<std::string_view, 3> worker_end_names{"planned", "exit", "signal"};

enum class repair_kind : std::uint8_t {
    finished,   // the write had happened: it was announced
    taken_back, // it had not
    unlocked,   // its writer died with the lock and without a write under way
};
inline constexpr std::array<std::string_view, 3> repair_kind_names{"finished", "taken_back",
                                                                   "unlocked"};

inline constexpr std::size_t seats_max = blocks_max / 2;

constexpr std::size_t end_word(std::uint32_t seat, worker_end how)
{
    return seat * worker_end_names.size() + static_cast<std::size_t>(how);
}

// Several processes may add to one at a time.
constexpr std::size_t repair_word(repair_kind kind)
{
    return end_word(seats_max, worker_end::planned) + static_cast<std::size_t>(kind);
}

// By a field's index; fields past the first 95 share one. Several processes may add to one at a
// time: who does has lost more by it than that costs.
inline constexpr std::uint32_t conflict_fields = 95;
constexpr std::size_t conflict_word(std::uint32_t field)
{
    return 800 + (field < conflict_fields ? field : conflict_fields);
}
static_assert(repair_word(repair_kind::unlocked) < conflict_word(0));

} // namespace covey::shm
