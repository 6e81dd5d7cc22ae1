// seat_view: what balancing knows of a seat when it chooses one for a connection.
#pragma once

#include <cstdint>
#include <limits>

namespace covey {

struct seat_view
{
    static constexpr std::uint32_t no_limit = std::numeric_limits<std::uint32_t>::max();

    bool open = false;                // a worker serves it, and its channel takes messages
    std::uint32_t unacknowledged = 0; // passed to it, and not taken over yet
    std::uint32_t connections = 0;    // open, as the worker says itself: a hint
    std::uint32_t limit = no_limit;   // connections it takes at most; 0: none
    std::uint64_t life = 0;           // the worker that serves it: its id
};

} // namespace covey
