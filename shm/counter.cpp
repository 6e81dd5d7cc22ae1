#include "counter.hpp"

#include "detail/participant_core.hpp"
#include "totals.hpp"

namespace covey {

counter::counter(state& owner, std::string name)
    : field{owner, {.name = std::move(name), .kind = field_kind::counter, .row_type = "i64"}}
{}

std::int64_t counter::add(std::int64_t much)
{
    auto& me = who();
    auto const& places = me.memory->places().fields[index()];
    shm::total_of(*me.memory, places, me.block)
        .fetch_add(static_cast<std::uint64_t>(much), std::memory_order_relaxed);
    if (shm::any_subscriber(*me.memory, places))
        me.tell(index());
    return get();
}

std::int64_t counter::get() const
{
    auto& me = who();
    return shm::sum_of(*me.memory, me.memory->places().fields[index()]);
}

} // namespace covey
