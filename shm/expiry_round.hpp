// expiry_round: a look at all cells of a map, for rows whose time is over; in slices, so that who
// looks can do other work between them. One process at a time has begun one; a death gives it up.
#pragma once

#include <cstdint>
#include <limits>

namespace covey::shm {

struct expiry_round
{
    bool claimed = false;   // this one says afterwards when the next row is over
    std::uint64_t next = 0; // the cell to look at
    std::uint64_t left = 0; // how many cells; 0: it is over
    std::uint64_t soonest = std::numeric_limits<std::uint64_t>::max(); // of what it has seen
};

} // namespace covey::shm
