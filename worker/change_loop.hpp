// change_loop: brings a subscription's changes to its handlers from the worker's loop.
//
// One turn tells what has happened and says "ring me". With a busy-poll budget a turn is followed
// by others for that long after the last news, each between the loop's other work, before the
// worker sleeps: a writer then spends no system call on waking it. Where changes come too seldom
// for that to find any (poll_odds), it sleeps at once.
#pragma once

#include "poll_odds.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/shm/subscription.hpp>
#include <functional>
#include <utility>

namespace covey {

namespace net = boost::asio;

class change_loop
{
  public:
    // Both outlive this. `budget` 0 sleeps at once. Throws system_error when the doorbell cannot
    // be watched.
    change_loop(net::io_context& loop, subscription& changes, std::chrono::microseconds budget);
    ~change_loop();
    change_loop(change_loop const&) = delete;
    change_loop& operator=(change_loop const&) = delete;

    // Called when the doorbell has been rung, for whatever else it may mean.
    void on_ring(std::function<void()> call) { on_ring_ = std::move(call); }

  private:
    using clock = std::chrono::steady_clock;

    void come_round(); // soon, once
    void turn();
    void settle(bool news); // behind it: looks on, or arms
    bool goes_on_looking(bool news);
    bool tell();
    void wait();
    void rung();

    net::io_context& loop_;
    subscription& changes_;
    std::chrono::microseconds budget_;
    poll_odds odds_;
    net::posix::basic_stream_descriptor<net::io_context::executor_type> bell_;
    net::steady_timer look_again_; // while an ordered watch waits for a change under way
    clock::time_point last_news_ = clock::now();
    clock::time_point last_turn_; // when it was over
    std::function<void()> on_ring_;
    bool coming_ = false;
};

} // namespace covey
