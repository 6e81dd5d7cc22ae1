// runtime: the untemplated core of a worker process: loop, channel, segment, HTTP.
//
// The master talks to it over the channel (protocol/README.md tells the conversation); whoever
// embeds a worker without covey::run makes a runtime and calls run().
#pragma once

#include "http/handler.hpp"
#include "http/limits.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <covey/protocol/handle.hpp>
#include <covey/protocol/messenger.hpp>
#include <covey/shm/subscription.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace covey {

class state;

namespace net = boost::asio;

struct worker_identity
{
    std::uint64_t id = 0;
    std::uint32_t seat = 0;
    std::uint32_t generation = 0;
    std::string name; // the cluster's
};

// A change as it travels over the channel, for subscribers without the segment.
struct relayed_change
{
    std::uint32_t field = 0;
    std::uint8_t kind = 0; // shm's change_kind
    std::uint64_t revision = 0;
    std::vector<unsigned char> key;
    std::vector<unsigned char> row; // empty for an erase
};

// What a set-up function throws when it cannot go on now but may a little later (a database that is
// not there yet): the worker leaves with exit code 75, and the master tries again after a back-off.
// Whatever else it throws is final: exit code 78, and no other worker is started in its seat.
struct temporary_failure : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

class runtime
{
  public:
    // `channel` is the worker's end of the conversation; `view` is bound to the segment before
    // `set_up` is called.
    runtime(handle channel, state& view, std::function<void(runtime&)> set_up);
    ~runtime();
    runtime(runtime const&) = delete;
    runtime& operator=(runtime const&) = delete;

    // Runs the worker until it is told to stop, says that it leaves, or the master is gone. Returns
    // the exit code (protocol/version.hpp's worker_exit; 1 after two uncaught exceptions).
    //
    // An exception that a function of the program's lets escape into the loop (a timer's, a posted
    // one, on_change, on_message; an HTTP handler's is a 500 instead) makes the worker leave as by
    // suicide().
    int run();

    // From here on: legal inside set_up and in handlers.
    void route(std::string method, std::string pattern, http::handler handler);
    subscription& changes();
    worker_identity const& identity() const;
    void log(std::string const& line);

    // Writes a line for every response: to a path, or "-", standard output; empty: nowhere. Before
    // run(), or from set_up on: then it throws system_error when the file cannot be opened.
    void log_access(std::string target);

    // The cluster's metrics in Prometheus' text format (http/metrics.hpp).
    std::string metrics_text() const;

    // Leaves, of its own accord: the master is told why and starts a replacement at once; this
    // worker accepts nothing more, finishes what it has within the drain deadline and exits with 0.
    // Once it drains, that goes on and this is only logged. In set_up: throws temporary_failure.
    void suicide(std::string const& reason);

    // Calls `handler` once, from the loop, when the worker begins to drain, whatever the cause,
    // with the time that is left for it: end what would go on for long. Soon, if it drains already.
    void on_drain(std::function<void(std::chrono::milliseconds left)> handler);

    // Takes at most so many connections at a time from now on, 0: none; none given: as many as
    // come. What is open stays.
    void limit_connections(std::optional<std::uint32_t> most);

    // What one connection, and this worker, may cost from now on. Throws std::invalid_argument that
    // says which number is wrong.
    void limit(http::limits const& bounds);

    // For a handler that computes for long: shows the master's watchdog that it is not stuck. A
    // relaxed store; call it as often as you like.
    void heartbeat();
    net::any_io_executor get_executor() const;

    // The slow way for changes, through the master: sends one to every worker that asked, and asks
    // for those of others. What is sent while the channel's queue is full is dropped.
    void relay(relayed_change const& change);
    void on_relayed(std::function<void(relayed_change const&)> handler);

    // What this worker and the master's application say to each other. What came before set_up ran
    // waits for it.
    messenger& conversation();

  private:
    struct core;
    std::unique_ptr<core> core_;
};

} // namespace covey
