#include "sweeper.hpp"

#include "detail/participant_core.hpp"

#include <algorithm>

namespace covey {

sweeper::sweeper(participant& who)
{
    auto const& fields = who.internals().memory->places().fields;
    for (std::uint32_t index = 0; index != fields.size(); ++index)
        if (fields[index].keep.expires)
            maps_.push_back({.rows = shm::table{who.internals(), index},
                             .slot = std::vector<std::uint64_t>(fields[index].slot_words())});
}

sweeper::~sweeper()
{
    for (auto& each : maps_)
        each.rows.end(each.round);
}

std::optional<sweeper::clock::time_point> sweeper::due() const
{
    std::uint64_t soonest = 0; // nothing
    for (auto const& each : maps_) {
        if (each.round.left != 0)
            return clock::time_point{};
        if (auto const next = each.rows.next_expiry(); next != 0)
            soonest = soonest == 0 ? next : std::min(soonest, next);
    }
    if (soonest == 0)
        return std::nullopt;
    return clock::time_point{std::chrono::nanoseconds{soonest}};
}

bool sweeper::step(std::uint64_t cells)
{
    for (auto& each : maps_)
        if (each.round.left != 0 || each.rows.begin(each.round)) {
            each.rows.go_on(each.round, cells, cells, each.slot.data());
            return true;
        }
    return false;
}

} // namespace covey
