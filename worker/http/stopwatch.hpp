// stopwatch: how long a connection's requests take, for two readings of the clock a batch.
//
// Requests that came in one read are answered in one write, so they share their beginning, when the
// first of them was whole, and their end, when the write was made: what the client's slowness adds
// on either side is not the server's. A request whose handler waits ends by itself.
#pragma once

#include "meter.hpp"

#include <chrono>
#include <cstdint>
#include <utility>

namespace covey::http {

class stopwatch
{
  public:
    using clock = std::chrono::steady_clock;

    // A request is whole; its handler begins.
    void begin()
    {
        if (answered_ == 0)
            began_ = clock::now();
    }
    void answered() { ++answered_; }

    // What was answered is written, or as much of it as the client takes.
    void end(meter& to)
    {
        if (answered_ != 0)
            to.took(elapsed(), std::exchange(answered_, 0));
    }

    std::chrono::nanoseconds elapsed() const { return clock::now() - began_; }

  private:
    clock::time_point began_;
    std::uint32_t answered_ = 0; // and not written yet
};

} // namespace covey::http
