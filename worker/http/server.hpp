// server: the connections of one worker: what they share, and their one timer.
//
// All calls on the io_context's one thread. The server outlives its sessions' work: stop the
// io_context before it goes.
#pragma once

#include "access_log.hpp"
#include "client_watch.hpp"
#include "deadlines.hpp"
#include "limit_hits.hpp"
#include "limits.hpp"
#include "meter.hpp"
#include "response_writer.hpp"
#include "router.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

namespace covey::http {

namespace net = boost::asio;

class session;

// What the master balances by.
struct traffic
{
    std::uint32_t connections = 0; // open
    std::uint32_t in_flight = 0;   // requests whose handler is at work
    std::uint64_t requests = 0;    // answered
};

class server
{
  public:
    using clock = std::chrono::steady_clock;

    // `on_traffic` is called at every change of it. Both references outlive the server.
    server(net::io_context& loop, router const& routes, limits bounds = {},
           std::function<void(traffic const&)> on_traffic = {});
    ~server(); // closes every connection
    server(server const&) = delete;
    server& operator=(server const&) = delete;

    // From now on, for open connections too. Throws std::invalid_argument with what validate()
    // says.
    void limit(limits const& bounds);

    // How often clients have met each limit.
    http::limit_hits const& limit_hits() const { return hits_; }

    // Serves a connected stream socket, TCP or Unix; a request that has come is answered in this
    // call. What is none, or cannot be watched, is closed. An answer is one write, which Nagle's
    // algorithm would only hold back: have TCP_NODELAY on, or inherited from the listening socket.
    void open(handle connection);

    // The same for several: all are the server's before the first of them is answered, so that an
    // answer which ends in draining does not end the others.
    void open(std::vector<handle> connections);

    // From now on every answer is its connection's last. Connections that stay idle and event
    // streams end evenly, in random order, over `spread`; the idle ones after drain_idle_timeout at
    // the earliest. `on_empty` is called once, when no connection is left; from here if there is
    // none. Asked again, a shorter spread holds.
    void drain(std::chrono::milliseconds spread, std::function<void()> on_empty);

    bool is_draining() const { return draining_; }
    traffic const& load() const { return traffic_; }

    // From now on what happens here is counted in these words, which outlive the server.
    void count_in(shm::statistics_lane lane);

    // Writes a line for every response from now on (access_log.hpp). Throws system_error.
    void log_access(std::string target, log::format form, std::uint32_t seat);

    // ---- for sessions ----
    net::io_context& loop() { return loop_; }
    client_watch& clients() { return clients_; }
    router const& routes() const { return routes_; }
    limits const& bounds() const { return bounds_; }
    date_line& date() { return date_; }
    meter& counts() { return counts_; }
    access_log* access() { return access_ ? &*access_ : nullptr; } // null: off
    // Read once a tick, not once a request: deadlines are coarse.
    clock::time_point now() const { return now_; }
    http::deadlines& deadlines() { return deadlines_; }
    http::limit_hits& hits() { return hits_; }
    void request_begins();
    void request_ends();
    void closed(std::shared_ptr<session> const& gone);
    double random() { return std::uniform_real_distribution<>{}(dice_); } // in [0, 1)

  private:
    struct parting
    {
        clock::time_point at;
        std::weak_ptr<session> who;
    };

    std::shared_ptr<session> admit(handle connection);
    void start(session& admitted);
    void tick();
    void tell() const;
    void plan_partings(std::chrono::milliseconds spread);
    void part();

    net::io_context& loop_;
    router const& routes_;
    limits bounds_;
    std::function<void(traffic const&)> on_traffic_;
    std::function<void()> on_empty_;
    date_line date_;
    net::steady_timer timer_;
    clock::time_point now_ = clock::now();
    client_watch clients_;
    std::unordered_set<std::shared_ptr<session>> sessions_;
    http::deadlines deadlines_;
    std::vector<std::shared_ptr<session>> late_; // in a tick: one may leave meanwhile
    std::vector<parting> partings_;              // the next one last
    net::steady_timer parting_timer_;
    clock::time_point parted_by_; // the last parting
    std::minstd_rand dice_{std::random_device{}()};
    traffic traffic_;
    http::limit_hits hits_;
    meter counts_;
    std::optional<access_log> access_;
    bool ticking_ = false;
    bool draining_ = false;
    std::shared_ptr<void> const alive_ =
        std::make_shared<char>(); // for what is in the loop's queue
};

} // namespace covey::http
