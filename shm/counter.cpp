#include "counter.hpp"

#include "detail/participant_core.hpp"
#include "lanes.hpp"

namespace covey {

counter::counter(state& owner, std::string name)
    : field{owner, {.name = std::move(name), .kind = field_kind::counter, .row_type = "i64"}}
{}

std::int64_t counter::add(std::int64_t much)
{
    auto& me = who();
    shm::lane_of(*me.memory, places(), me.block)
        .fetch_add(static_cast<std::uint64_t>(much), std::memory_order_relaxed);
    me.tell_of_word(index());
    return get();
}

std::int64_t counter::get() const
{
    auto& me = who();
    return static_cast<std::int64_t>(shm::sum_of(*me.memory, places()));
}

} // namespace covey
