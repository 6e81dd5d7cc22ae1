#include "leader.hpp"

#include "detail/participant_core.hpp"
#include "fenced_word.hpp"
#include "lanes.hpp"

#include <utility>

namespace covey {

leader::leader(state& owner, std::string name)
    : field{owner, {.name = std::move(name), .kind = field_kind::leader, .row_type = "holder"}}
{}

bool leader::run()
{
    auto& me = who();
    if (!shm::take_hold(shm::shared_word_of(*me.memory, places()), me.block))
        return mine().has_value();
    me.tell_of_word(index());
    return true;
}

void leader::resign()
{
    auto& me = who();
    auto const now = holder();
    if (now && now->block == me.block &&
        shm::end_hold(shm::shared_word_of(*me.memory, places()), *now))
        me.tell_of_word(index());
}

std::optional<std::uint64_t> leader::mine() const
{
    auto const now = holder();
    if (!now || now->block != who().block)
        return std::nullopt;
    return now->epoch;
}

std::optional<covey::holder> leader::holder() const
{
    auto& me = who();
    return shm::holder_in(
        shm::shared_word_of(*me.memory, places()).load(std::memory_order_acquire));
}

} // namespace covey
