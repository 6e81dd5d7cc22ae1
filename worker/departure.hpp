// departure: how a worker leaves, whatever makes it leave: a stop, a suicide, a signal, the end of
// the channel.
//
// It drains: nothing new is accepted, what is open ends, on_drain handlers are called. When nothing
// is left, or the deadline has passed, what was sent to the master is handed to the kernel, and the
// loop stops with the exit code.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/channel.hpp>
#include <functional>
#include <optional>
#include <vector>

namespace covey {

namespace net = boost::asio;

class intake;
namespace http {
class server;
}

class departure
{
  public:
    using milliseconds = std::chrono::milliseconds;
    using drain_handler = std::function<void(milliseconds left)>;

    // Both outlive it.
    departure(net::io_context& loop, protocol::worker_channel& channel);

    // What has to be drained from now on; a worker without it leaves at once. Both outlive it.
    void serves(intake& arrivals, http::server& server);

    // Drains: leaves when nothing is left, `within` from now at the latest. Idle connections and
    // streams end evenly over `spread`. Asked again, the earlier deadline holds.
    void drain(milliseconds within, milliseconds spread);

    // Called once, from the loop, when draining begins; soon, if it has begun.
    void on_drain(drain_handler handler);

    // Leaves: says what has been said, and stops the loop. The first code holds.
    void leave(int code);

    bool is_draining() const { return draining_ || code_; }
    bool is_over() const { return code_.has_value(); }
    std::optional<int> code() const { return code_; }

  private:
    using clock = std::chrono::steady_clock;

    void expire();
    void tell(drain_handler handler);
    void flush();

    net::io_context& loop_;
    protocol::worker_channel& channel_;
    net::steady_timer deadline_;
    net::steady_timer flushing_; // the end of patience with the channel
    net::steady_timer retry_;
    intake* arrivals_ = nullptr;
    http::server* server_ = nullptr;
    std::vector<drain_handler> handlers_;
    bool draining_ = false;
    std::optional<int> code_;
};

} // namespace covey
