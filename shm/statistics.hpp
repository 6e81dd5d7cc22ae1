// statistics: words of a segment that only rise: a lane of them for each block, and the master's.
//
// What a word counts is for its writer to say: this room knows numbers, not names. A word keeps its
// meaning as long as layout_version keeps its number, for one reload may bring the next program. A
// lane has one writer at a time, so counting is a relaxed load and a relaxed store on a line nobody
// else writes: no locked instruction, and nothing to repair. A lane is not cleared when its block
// gets another worker: what the dead have counted stays in the sum. The master's lane is told from
// the others because it is about seats, which blocks are not.
#pragma once

#include "layout.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace covey {

class participant;
class segment;

namespace shm {

class arena;

inline constexpr std::size_t statistics_words = 1024;
inline constexpr std::size_t statistics_bytes = statistics_words * sizeof(word); // of a lane
static_assert(statistics_bytes % line_bytes == 0);

using statistics_lane = std::span<word, statistics_words>;

// Whoever holds one of these keeps the segment's memory for as long.
statistics_lane statistics_of(participant const& who);      // its block's
statistics_lane statistics_of_master(segment const& where); // for the master to write

// A word of the master's lane to which any process may add, by a locked instruction: for what is
// rare and has no block of its own.
word& shared_statistic(arena const& memory, std::size_t number);

// Counts `much` more. Only by the lane's writer.
inline void count(word& in, std::uint64_t much = 1)
{
    in.store(in.load(std::memory_order_relaxed) + much, std::memory_order_relaxed);
}

// What all blocks have counted in this word, or the master alone. By anybody.
std::uint64_t statistics_sum(arena const& memory, std::size_t number);
std::uint64_t statistics_by_master(arena const& memory, std::size_t number);

} // namespace shm

} // namespace covey
