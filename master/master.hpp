// master: starts the workers, gives them sockets and the segment, and starts them again.
//
// It supervises and nothing else: it parses no HTTP and runs no user code. It never blocks, so one
// thread serves any number of workers; only its destructor waits, for processes it has just
// killed. Everything hangs off the object: two masters in one process are two clusters.
//
//   net::io_context io{1};
//   covey::master master{io.get_executor(), options, state.described(), {.arguments = argv}};
//   net::co_spawn(io, master.run(), [&](std::exception_ptr, int result) { code = result; });
//   io.run();
#pragma once

#include "options.hpp"
#include "worker_program.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <covey/shm/schema.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace covey {

namespace net = boost::asio;

enum class worker_state {
    starting, // forked; has not said ready
    ready,    // gets connections
    draining, // has been told to stop
    gone,     // no process: waiting to be started again, or never again
};

std::string_view name(worker_state state);

// One seat at a glance.
struct worker_status
{
    std::uint32_t seat = 0;
    worker_state state = worker_state::gone;
    std::uint64_t id = 0;              // of the worker in the seat, or of the last one
    std::int64_t pid = 0;              // 0 when gone
    std::uint64_t starts = 0;          // how many workers this seat has had
    std::uint32_t unacknowledged = 0;  // connections passed and not yet taken over
    std::uint64_t changes_dropped = 0; // not relayed to this seat: its channel was full
};

// All calls from the executor's one thread, which must be the process's main thread while run()
// runs: the kernel ends workers when the thread that forked them ends (PR_SET_PDEATHSIG).
class master
{
  public:
    // Makes the segment and binds the listeners; starts nothing. Throws system_error whose what()
    // is one line that says what to do: wrong options, an address in use, no memory.
    master(net::any_io_executor executor, options settings, schema described,
           worker_program program);
    ~master(); // kills the workers that are left and waits for their end
    master(master const&) = delete;
    master& operator=(master const&) = delete;

    // Called once, when every worker is ready for the first time, with the addresses as clients
    // may use them (port 0 replaced). Set it before run().
    void on_ready(std::function<void(std::vector<std::string> const& addresses)> call);

    // From now on SIGTERM and SIGINT stop this master (once: gracefully; again, 50 ms later or
    // more: now), and SIGPIPE is ignored. Without this call signals stay the embedder's, who calls
    // stop().
    void take_signals();

    // Runs the cluster; call it once. Returns 0 after stop() or stop_now(), or 1 when the cluster
    // cannot run: then failure() says why. The master may be destroyed while this waits; it returns
    // 1 then.
    net::awaitable<int> run();

    // Stops accepting, passes on what has been accepted, tells every worker to finish within
    // options::drain_deadline; kills what is left options::kill_after later. Twice is once.
    void stop();

    // Kills every worker, now.
    void stop_now();

    // One line: why run() returned 1; empty otherwise.
    std::string const& failure() const;

    std::vector<std::string> const& addresses() const; // as on_ready gets them
    std::vector<worker_status> workers() const;

  private:
    struct core;
    std::shared_ptr<core> core_;
};

} // namespace covey
