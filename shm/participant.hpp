// participant: one writer's place in a segment: a seat, its doorbells and its load words.
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
    // Takes the seat: it must have been opened for this process (segment::open_seat).
    participant(segment const& where, std::uint32_t seat, doorbells bells);
    ~participant();
    participant(participant const&) = delete;
    participant& operator=(participant const&) = delete;

    std::uint32_t seat() const;
    doorbells const& bells() const;

    // What the master reads to balance; three relaxed stores in this seat's own cache line.
    void set_load(seat_load const& now);

    // Called on this thread after each of this participant's own commits (no syscall is spent to
    // tell oneself); a subscription sets it to come round.
    void on_own_change(std::function<void()> call);

    struct core;
    core& internals() const { return *core_; }

  private:
    std::unique_ptr<core> core_;
};

} // namespace covey
