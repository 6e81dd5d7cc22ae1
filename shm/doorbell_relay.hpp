// doorbell_relay: rings the sleepers that a writer leaves to it, so that what a change costs its
// writer does not grow with their number.
//
// A writer that finds more than relay_above of them adds their bits to the set `wanted`, passes a
// full fence and rings the relay by a bell word of its own, as it would ring a sleeper
// (doorbell.hpp). The relay wakes, disarms, takes the set and rings each; then it arms, passes a
// full fence and looks at the set once more. The bits stand before the bell is looked at, and the
// bell is rung whether they stood there already or not, for whoever put them there may have died
// before its ring.
//
// What holds when it does not come: if its process is dead, so are the workers, whose master it
// was. While it is stopped or busy, sleepers sleep on, but the next change after relay_patience is
// one whose writer rings itself. Who has no relay's doorbell, and a segment where no relay is,
// knows nothing of all this.
#pragma once

#include "arena.hpp"
#include "doorbell.hpp"
#include "segment.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace covey {

namespace shm {

// Blocks a writer has found asleep.
struct sleeper_set
{
    std::uint32_t groups = 0; // of 64 blocks; bits beyond them mean nothing
    std::array<std::uint64_t, block_words> bits;
};

// False when the writer has to ring them itself: there is no relay, it does not move, or no more
// than relay_above of them have not been rung yet.
bool leave_to_relay(arena const& memory, doorbells const& bells, sleeper_set const& sleepers,
                    notification_counts& counts);

inline void count_ring(notification_counts& counts, ring_outcome what)
{
    if (what == ring_outcome::needless)
        return;
    add_to(counts.rings);
    if (what == ring_outcome::rung_again)
        add_to(counts.collisions);
}

} // namespace shm

// The master's part. All calls from one thread; none blocks. At the start, and whenever
// descriptor() has become readable and been emptied (answer()):
//     relay.ring();
//     if (!relay.arm()) post the same again;
class doorbell_relay
{
  public:
    // From now on writers use it. One at a time over a segment; `bells` has the relay's.
    doorbell_relay(std::shared_ptr<shm::arena> memory, std::shared_ptr<doorbells const> bells);
    ~doorbell_relay(); // from now on they ring themselves; who was left to it is rung
    doorbell_relay(doorbell_relay const&) = delete;
    doorbell_relay& operator=(doorbell_relay const&) = delete;

    int descriptor() const { return bells_->relay().get(); }
    void answer(); // empties it

    // Rings who was left to it and sleeps; how many those were.
    std::size_t ring();

    // Says "ring me". False when there is somebody to ring already.
    bool arm();

  private:
    bool anybody() const;
    void disarm();

    std::shared_ptr<shm::arena> memory_;
    std::shared_ptr<doorbells const> bells_;
};

} // namespace covey
