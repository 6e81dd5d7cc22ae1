// participant: one writer's place in a segment: a block, its doorbells and its load words.
//
// A worker process has one; a test may run several as threads over one mapping. All calls from the
// participant's one thread. A state is bound to a participant (state.hpp).
#pragma once

#include "segment.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace covey {

class participant
{
  public:
    // Takes the block: it must have been opened for this process (segment::open_block).
    participant(segment const& where, std::uint32_t block, doorbells bells);
    ~participant();
    participant(participant const&) = delete;
    participant& operator=(participant const&) = delete;

    std::uint32_t block() const;
    doorbells const& bells() const;

    // What the master reads to balance; relaxed stores in this block's own cache line.
    void set_load(worker_load const& now);

    // Tells whoever watches that this worker's loop turns: one relaxed store.
    void beat();

    // Called on this thread after each of this participant's own commits (no syscall is spent to
    // tell oneself); a subscription sets it to come round.
    void on_own_change(std::function<void()> call);

    // Called on this thread after a write of this participant's of a row whose time is over sooner
    // than that of any row its map is known to have; a sweeper's owner sets it to be in time.
    void on_sooner_expiry(std::function<void()> call);

    struct core;
    core& internals() const { return *core_; }

  private:
    std::unique_ptr<core> core_;
};

} // namespace covey
