// sweeper: sees to it that a row whose time is over is announced, though nobody asks for room.
//
// One for a participant, over all its maps that expire. Any number of participants may sweep: a
// round over a map's cells is begun by one of them, when a row may be over. Nothing blocks.
#pragma once

#include "expiry_round.hpp"
#include "participant.hpp"
#include "table.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace covey {

class sweeper
{
  public:
    using clock = std::chrono::steady_clock; // the monotonic one, as the segment's

    explicit sweeper(participant& who); // outlives this
    ~sweeper();                         // a round under way is another's to begin again
    sweeper(sweeper const&) = delete;
    sweeper& operator=(sweeper const&) = delete;

    // Whether there is a map that expires: if not, nothing here is worth a timer.
    bool has_work() const { return !maps_.empty(); }

    // When step() has something to do, now if it is past; none: when a row with a time to live has
    // been written, or somebody else's round is over.
    std::optional<clock::time_point> due() const;

    // Looks at up to `cells` cells and removes what is over. True: there is more, call again soon.
    bool step(std::uint64_t cells = 1024);

  private:
    struct map
    {
        shm::table rows;
        std::vector<std::uint64_t> slot;
        shm::expiry_round round{};
    };
    std::vector<map> maps_;
};

} // namespace covey
