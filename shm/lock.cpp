#include "lock.hpp"

#include "detail/participant_core.hpp"
#include "fenced_word.hpp"
#include "lanes.hpp"

namespace covey {

lock::lock(state& owner, std::string name)
    : field{owner, {.name = std::move(name), .kind = field_kind::lock, .row_type = "holder"}}
{}

std::optional<lock::hold> lock::try_hold()
{
    auto& me = who();
    auto const epoch = shm::take_hold(shm::shared_word_of(*me.memory, places()), me.block);
    if (!epoch)
        return std::nullopt;
    me.tell_of_word(index());
    return hold{*this, *epoch};
}

std::optional<covey::holder> lock::holder() const
{
    auto& me = who();
    return shm::holder_in(
        shm::shared_word_of(*me.memory, places()).load(std::memory_order_acquire));
}

void lock::give_back(std::uint64_t epoch)
{
    auto& me = who();
    bool const was_held = shm::end_hold(shm::shared_word_of(*me.memory, places()),
                                        {.block = me.block, .epoch = epoch});
    if (was_held)
        me.tell_of_word(index());
}

void lock::hold::release()
{
    if (of_ != nullptr)
        std::exchange(of_, nullptr)->give_back(epoch_);
}

} // namespace covey
