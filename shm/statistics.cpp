#include "statistics.hpp"

#include "arena.hpp"
#include "assert.hpp"
#include "detail/participant_core.hpp"
#include "participant.hpp"
#include "segment.hpp"

namespace covey::shm {

namespace {

// Lane `blocks` is the master's.
word* lane_at(arena const& memory, std::uint32_t lane)
{
    return &memory.at<word>(memory.places().statistics + lane * statistics_bytes);
}

std::uint64_t read(arena const& memory, std::uint32_t lane, std::size_t number)
{
    COVEY_ASSERT(number < statistics_words);
    return lane_at(memory, lane)[number].load(std::memory_order_relaxed);
}

} // namespace

statistics_lane statistics_of(participant const& who)
{
    auto const& me = who.internals();
    return statistics_lane{lane_at(*me.memory, me.block), statistics_words};
}

statistics_lane statistics_of_master(segment const& where)
{
    return statistics_lane{lane_at(*where.memory(), where.blocks()), statistics_words};
}

word& shared_statistic(arena const& memory, std::size_t number)
{
    COVEY_ASSERT(number < statistics_words);
    return lane_at(memory, memory.places().blocks)[number];
}

std::uint64_t statistics_sum(arena const& memory, std::size_t number)
{
    std::uint64_t sum = 0;
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        sum += read(memory, block, number);
    return sum;
}

std::uint64_t statistics_by_master(arena const& memory, std::size_t number)
{
    return read(memory, memory.places().blocks, number);
}

} // namespace covey::shm
