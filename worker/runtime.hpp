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

  private:
    struct core;
    std::unique_ptr<core> core_;
};

// The channel a worker process was started with (COVEY_CHANNEL_FD), taken out of the environment
// so that grandchildren do not see it; an empty handle in a process that is no worker.
handle channel_from_environment();

} // namespace covey
