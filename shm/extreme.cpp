#include "extreme.hpp"

#include "detail/participant_core.hpp"
#include "lanes.hpp"

#include <utility>

namespace covey {

extreme::extreme(state& owner, std::string name, field_kind kind)
    : field{owner, {.name = std::move(name), .kind = kind, .row_type = "i64"}}
    , kind_{kind}
{}

maximum::maximum(state& owner, std::string name)
    : extreme{owner, std::move(name), field_kind::maximum}
{}

minimum::minimum(state& owner, std::string name)
    : extreme{owner, std::move(name), field_kind::minimum}
{}

std::uint64_t extreme::moved(std::int64_t number) const
{
    return shm::extreme_of_number(kind_, number);
}

void extreme::record(std::int64_t number)
{
    auto& me = who();
    auto& lane = shm::lane_of(*me.memory, places(), me.block);
    if (moved(number) <= lane.load(std::memory_order_relaxed))
        return;
    lane.store(moved(number), std::memory_order_relaxed);
    me.tell_of_word(index());
}

std::optional<std::int64_t> extreme::get() const
{
    auto& me = who();
    auto const found = shm::greatest_of(*me.memory, places());
    if (found == 0)
        return std::nullopt;
    return shm::number_of_extreme(kind_, found);
}

void extreme::reset()
{
    auto& me = who();
    for (std::uint32_t block = 0; block != me.memory->places().blocks; ++block)
        shm::lane_of(*me.memory, places(), block).store(0, std::memory_order_relaxed);
    me.tell_of_word(index());
}

} // namespace covey
