#include "counter.hpp"

#include "detail/participant_core.hpp"
#include "lanes.hpp"

namespace covey {

counter::counter(state& owner, std::string name)
    : field{owner, {.name = std::move(name), .kind = field_kind::counter, .row_type = "i64"}}
{}

void counter::bound(participant::core& me)
{
    mine_ = &shm::lane_of(*me.memory, places(), me.block);
}

// One writer, so no locked addition is needed.
void counter::count(std::int64_t much)
{
    auto& me = who();
    mine_->store(mine_->load(std::memory_order_relaxed) + static_cast<std::uint64_t>(much),
                 std::memory_order_relaxed);
    me.tell_of_word(index());
}

std::int64_t counter::total() const
{
    auto& me = who();
    return static_cast<std::int64_t>(shm::sum_of(*me.memory, places()));
}

std::int64_t counter::get() const
{
    return total();
}

} // namespace covey
