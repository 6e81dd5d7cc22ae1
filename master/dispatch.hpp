// dispatch: which seat gets the next connection. Pure functions over numbers: no I/O, no clock, no
// memory; dispatcher.hpp brings the numbers and moves the sockets.
#pragma once

#include "options.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace covey::supervision {

// Connections a worker may have been passed without having acknowledged them. It bounds what a
// stuck worker can hold up, and what is given to its siblings when it dies. It is two messages'
// worth (handover.hpp), so that the worker takes one while the next is on its way; half of it
// passed two thirds as many handles a second (bench/dispatch_cost, pass-covey).
inline constexpr std::uint32_t window = 16;

struct seat_view
{
    bool open = false; // ready, and its channel takes messages
    std::uint32_t unacknowledged = 0;
    std::uint32_t connections = 0; // as the worker says itself: a hint
};

// True when the seat can be given a connection now.
constexpr bool has_room(seat_view const& seat)
{
    return seat.open && seat.unacknowledged < window;
}

// The seat for one connection, or nullopt when none has room.
//
// Both policies go round, beginning behind `last`, the seat that was chosen before: round_robin
// takes the first with room, least_loaded the first of those with the fewest connections (its own
// count and what it has not acknowledged). `not_to` has just given this connection back: it gets
// it again only when no other seat has room.
std::optional<std::uint32_t> choose_seat(dispatch_policy policy, std::span<seat_view const> seats,
                                         std::uint32_t last,
                                         std::optional<std::uint32_t> not_to = std::nullopt);

} // namespace covey::supervision
