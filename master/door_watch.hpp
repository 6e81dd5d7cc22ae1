// door_watch: sees to it that connections at sockets which all workers share do not wait for one
// that stands: stopped, hung, or busy without end while it has the turn to accept (shm/turn.hpp).
//
// The first connection after a silence wakes it; while there are any it looks ten times a second
// whether some wait and nobody moves, and after a second without it sleeps again. So an idle
// cluster's master sleeps, and a busy one's is woken no more often than that.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/handle.hpp>
#include <covey/protocol/readiness.hpp>
#include <covey/shm/turn.hpp>
#include <list>
#include <memory>
#include <vector>

namespace covey::supervision {

namespace net = boost::asio;

class door_watch : public std::enable_shared_from_this<door_watch>
{
  public:
    static constexpr std::chrono::milliseconds look_every{100};
    static constexpr int quiet_looks = 10; // until it sleeps

    door_watch(net::any_io_executor executor, std::vector<shared_handle> sockets, turn_watch turns);

    void start(); // throws system_error when a socket cannot be watched
    void stop();  // lets go of the sockets

  private:
    void sleep();
    void look_later();
    void look();

    net::any_io_executor executor_;
    std::vector<shared_handle> sockets_;
    turn_watch turns_;
    std::list<protocol::readiness> asleep_; // for each socket while it sleeps
    net::steady_timer timer_;
    int quiet_ = 0;
};

} // namespace covey::supervision
