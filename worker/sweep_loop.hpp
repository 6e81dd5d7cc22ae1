// sweep_loop: rows whose time is over are announced by the worker's loop, while it has nothing
// better to do.
//
// It sleeps until a row is over; an idle worker, and a state without a time to live, cost nothing.
// A round over a map's cells goes in slices, each a turn of the loop of its own, and rests
// afterwards, so that it takes at most a fiftieth of the worker's time however many rows there are.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/shm/sweeper.hpp>

namespace covey {

namespace net = boost::asio;

class sweep_loop
{
  public:
    // Between two rounds, at least: rows are announced up to this much late, or up to `rest` times
    // what a round took.
    static constexpr std::chrono::milliseconds pause{100};
    static constexpr int rest = 50;

    sweep_loop(net::io_context& loop, participant& who); // both outlive this
    ~sweep_loop();
    sweep_loop(sweep_loop const&) = delete;
    sweep_loop& operator=(sweep_loop const&) = delete;

    // Somebody else may have left a round undone: call it when the doorbell was rung.
    void look();

  private:
    using clock = sweeper::clock;

    void sleep_until(clock::time_point when);
    void turn();

    participant& who_;
    sweeper rows_;
    net::steady_timer timer_;
    clock::time_point asleep_until_ = clock::time_point::max(); // max: it does not wait
    clock::time_point not_before_{};
    clock::duration spent_{}; // in the round under way
};

} // namespace covey
