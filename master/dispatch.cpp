#include "dispatch.hpp"

namespace covey::supervision {

namespace {

// 64 bits: a hostile worker's count must not wrap to "idle".
std::uint64_t load(seat_view const& seat)
{
    return std::uint64_t{seat.connections} + seat.unacknowledged;
}

} // namespace

std::optional<std::uint32_t> choose_seat(dispatch_policy policy, std::span<seat_view const> seats,
                                         std::uint32_t last, std::optional<std::uint32_t> not_to)
{
    auto const count = static_cast<std::uint32_t>(seats.size());
    std::optional<std::uint32_t> best;
    for (std::uint32_t step = 1; step <= count; ++step) {
        auto const seat = (last + step) % count;
        if (!has_room(seats[seat]) || seat == not_to)
            continue;
        if (policy != dispatch_policy::least_loaded)
            return seat;
        if (!best || load(seats[seat]) < load(seats[*best]))
            best = seat;
    }
    if (!best && not_to && *not_to < count && has_room(seats[*not_to]))
        best = not_to;
    return best;
}

} // namespace covey::supervision
