// taker: a receiver's side of a run: one call a change, whichever way it came.
#pragma once

#include "board.hpp"
#include "run.hpp"

#include <cstdint>

namespace covey::bench {

class taker
{
  public:
    // `nth` receiver: 0, 1, ... Both outlive it.
    taker(board& shared, run const& made, std::uint32_t nth);

    // A change: its number (0: a warm-up), and when the handler was entered. Throws runtime_error
    // when it is not newer than the one before.
    void take(std::int64_t sequence, std::int64_t entered_ns);

    // Its value was read, at this time. For the lanes where that is another moment.
    void read(std::int64_t sequence, std::int64_t when_ns);

    void resynced() { notes_.resyncs.fetch_add(1, std::memory_order_relaxed); }

    bool is_done() const { return last_ == made_.samples; }

  private:
    std::int64_t due_ns(std::int64_t sequence) const;
    void arrived(std::int64_t sequence, std::int64_t entered_ns);

    board& shared_;
    run made_;
    receiver_notes& notes_;
    std::int64_t last_ = 0;
};

} // namespace covey::bench
