// runtime: the untemplated core of a worker process: loop, channel, segment, HTTP, drain.
//
// The master talks to it over the channel (protocol/README.md tells the conversation); whoever
// embeds a worker without covey::run makes a runtime and calls run().
#pragma once

#include "http/handler.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <covey/protocol/handle.hpp>
#include <covey/shm/subscription.hpp>
#include <cstdint>
#include <functional>
#include <memory>
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

class runtime
{
  public:
    // `channel` is the worker's end of the conversation; `view` is bound to the segment before
    // `set_up` is called.
    runtime(handle channel, state& view, std::function<void(runtime&)> set_up);
    ~runtime();
    runtime(runtime const&) = delete;
    runtime& operator=(runtime const&) = delete;

    // Runs the worker until it is told to stop or the master is gone. Returns the exit code
    // (protocol/version.hpp's worker_exit).
    int run();

    // From here on: legal inside set_up and in handlers.
    void route(std::string method, std::string pattern, http::handler handler);
    subscription& changes();
    worker_identity const& identity() const;
    void log(std::string const& line);
    net::any_io_executor get_executor() const;

    // The slow way for changes, through the master: sends one to every worker that asked, and asks
    // for those of others. What is sent while the channel's queue is full is dropped.
    void relay(relayed_change const& change);
    void on_relayed(std::function<void(relayed_change const&)> handler);

  private:
    struct core;
    std::unique_ptr<core> core_;
};

// The channel a worker process was started with (COVEY_CHANNEL_FD), taken out of the environment
// so that grandchildren do not see it; an empty handle in a process that is no worker.
handle channel_from_environment();

} // namespace covey
