// dispatch: which seat gets the next connection. Pure functions over numbers: no I/O, no clock, no
// memory; dispatcher.hpp brings the numbers and moves the sockets.
#pragma once

#include "client_address.hpp"
#include "options.hpp"
#include "seat_view.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace covey::supervision {

// Connections a worker may have been passed without having acknowledged them. It bounds what a
// stuck worker can hold up, and what is given to its siblings when it dies. It is two messages'
// worth (handover.hpp), so that the worker takes one while the next is on its way; half of it
// passed two thirds as many handles a second (bench/dispatch_cost, pass-covey).
inline constexpr std::uint32_t window = 16;

// What a seat has to do: its own count and what it has not taken over yet. 64 bits: a hostile
// worker's count must not wrap to "idle".
constexpr std::uint64_t load(seat_view const& seat)
{
    return std::uint64_t{seat.connections} + seat.unacknowledged;
}

// True when the seat can be given a connection now.
constexpr bool has_room(seat_view const& seat)
{
    return seat.open && seat.unacknowledged < window &&
           (seat.limit == seat_view::no_limit || load(seat) < seat.limit);
}

// The seat for one connection of `client`, or nullopt when none has room.
//
//   round_robin   the first with room behind `last`, the seat that was chosen before
//   least_loaded  the one with the least to do; among equals the first behind `last`
//   hash          the one that ranks highest for this client, whatever it has to do: a client
//                 stays where it is while its seat has room, and a seat that goes moves no other
//                 seat's clients. A client without an address goes to the least loaded
//
// With any other policy: least_loaded. `not_to` has just given this connection back: it gets it
// again only when no other seat has room.
std::optional<std::uint32_t> choose_seat(dispatch_policy policy, std::span<seat_view const> seats,
                                         std::uint32_t last,
                                         std::optional<std::uint32_t> not_to = std::nullopt,
                                         client_address const& client = {});

} // namespace covey::supervision
