// pulse: shows the master that this worker's loop turns while it has something to do.
//
// A worker with connections beats once in `every`; one without is silent and makes no system call.
// That it has connections again is said, but not for every short connection anew: at most once in
// two beats. So the master, once told, looks at this worker's load again two beats later or after,
// before it stops watching: whoever hangs in between is seen with its connections open.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/shm/participant.hpp>
#include <cstdint>
#include <functional>

namespace covey {

namespace net = boost::asio;

class pulse
{
  public:
    // Both references outlive it. `every` 0: nobody watches.
    pulse(net::io_context& loop, participant& who, std::chrono::milliseconds every,
          std::function<void()> say_awake);

    // At every change of the number of open connections; before what they bring is handled.
    void connections(std::uint32_t now);

    void beat() { who_.beat(); }

  private:
    using clock = std::chrono::steady_clock;

    void wake();
    void wait();

    participant& who_;
    std::chrono::milliseconds every_;
    std::function<void()> say_awake_;
    net::steady_timer timer_;
    clock::time_point may_say_; // the next awake
    bool has_connections_ = false;
    bool waiting_ = false;
};

} // namespace covey
