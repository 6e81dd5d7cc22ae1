// intake: how connections come to a worker: passed by the master, or accepted from a listening
// socket that all workers or one seat own.
//
// While a worker drains it takes none: passed ones are declined, and its listening sockets are
// taken out of the loop, not merely closed (protocol/accept_loop.hpp). Of sockets that all workers
// share, only the worker whose turn it is has any in its loop (shm/turn.hpp).
#pragma once

#include "http/server.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <covey/protocol/accept_loop.hpp>
#include <covey/protocol/handle.hpp>
#include <covey/shm/turn.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace covey {

namespace net = boost::asio;

class intake
{
  public:
    // Both outlive the intake.
    intake(net::io_context& loop, http::server& to);
    ~intake();
    intake(intake const&) = delete;
    intake& operator=(intake const&) = delete;

    // The listening sockets to come are shared: this worker accepts when it is its turn. `who`
    // outlives the intake; call rung() when its doorbell rings.
    void take_turns(participant& who);
    void rung();

    // Accepts from a listening, non-blocking socket; `address` is for the log. One connection a
    // wake: the loop's other work gets its turn, and siblings their share. Throws system_error when
    // it cannot be watched.
    void listen(handle listening, std::string address);

    // Serves a connection that the master passed. False when the worker is draining.
    bool take(handle connection);

    // Connections wait in the backlog until resume(): siblings may accept them.
    void pause();
    void resume();

    // The server's numbers have changed, and the participant has them; before what they tell of is
    // handled. A request makes this worker offer its turn to an idle sibling, but no more often
    // than this: workers with little to do would pass it for every request, at the cost of several.
    static constexpr std::chrono::milliseconds rest_between_offers{1};
    void traffic(http::traffic const& now);

    // From now on nothing is accepted or taken.
    void stop();

    std::uint64_t wakes() const; // of the loop, for connections to accept

  private:
    using clock = std::chrono::steady_clock;

    void offer_turn();
    void accepted(handle connection);
    void cannot_accept();

    net::io_context& loop_;
    http::server& to_;
    std::vector<std::shared_ptr<protocol::accept_loop>> loops_;
    std::optional<accept_turn> turn_;
    http::traffic last_;
    clock::time_point passed_on_{};
    clock::time_point offered_{};
    bool paused_ = false;
    bool stopped_ = false;
};

} // namespace covey
