// master: starts the workers, gives them sockets and the segment, and starts them again.
//
// It supervises and nothing else: it parses no HTTP and runs no code of workers. It never blocks,
// so one thread serves any number of workers; only its destructor waits, for processes it has just
// killed. Everything hangs off the object: two masters in one process are two clusters.
//
//   net::io_context io{1};
//   covey::master master{io.get_executor(), options, state.described(), {.arguments = argv}};
//   master.on(covey::event_kind::exit, [](covey::event const& what) { ... });
//   net::co_spawn(io, master.run(), [&](std::exception_ptr, int result) { code = result; });
//   io.run();
#pragma once

#include "cluster_status.hpp"
#include "events.hpp"
#include "options.hpp"
#include "worker_program.hpp"
#include "worker_ref.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <covey/shm/schema.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace covey {

namespace net = boost::asio;

namespace supervision {
class cluster_core;
}

// All calls from the executor's one thread, which must be the process's main thread while run()
// runs: the kernel ends workers when the thread that forked them ends (PR_SET_PDEATHSIG). No
// handler is called inside a call.
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

    // From now on signals are orders to this master (signals.hpp has the table), and SIGPIPE is
    // ignored. Without this call signals stay the embedder's.
    void take_signals();

    // From now on children that nobody waits for are reaped: those that are not this process's own
    // but were left to it, as to a container's first process (PID 1, PR_SET_CHILD_SUBREAPER). A
    // child stays for a second first, for whoever has started it.
    void take_orphans();

    // From now on a service manager that started this process is told of readiness, reloads and the
    // stop, and its watchdog is fed (service_manager.hpp). Nothing without one.
    void take_service_manager();

    // From now on this user's tools, and root's, may look and give orders over a socket
    // (options::control, coveyctl). Throws system_error when the place that was asked for cannot be
    // had; the usual one is done without, with a line in the log.
    void open_control();

    // Runs the cluster; call it once. Returns 0 after stop() or stop_now(), or 1 when the cluster
    // cannot run: then failure() says why. The master may be destroyed while this waits; it returns
    // 1 then.
    net::awaitable<int> run();

    // ---- events ----

    // Any number of handlers; they are called in the order in which they were set.
    void on(event_kind kind, std::function<void(event const&)> handler);

    // What workers ask (worker::request) is answered by this one handler: its result is the reply,
    // and when it throws the request fails with what it threw.
    void on_request(std::function<net::awaitable<datum>(worker_ref, message)> handler);

    // Sends a message to every worker that is connected. A handle goes to all of them when it is
    // one that stays open (keep_open); otherwise to the first.
    void broadcast(datum const& body, std::vector<passed_handle> const& handles = {});

    // ---- wishes: at any time, before run() too ----

    // For workers that are forked from now on. `change` is called once, with what earlier calls
    // have made of the program.
    void setup(std::function<void(worker_program&)> const& change);

    // One seat more, whose workers have these variables ("NAME=value") over all others. The
    // worker's own process is forked at once, or as soon as that is possible. Empty when there is
    // no seat left (options::workers_max) or the cluster stops.
    worker_ref fork(std::vector<std::string> environment = {});

    // So many seats, at most options::workers_max: workers are started, or stopped gracefully.
    void scale(std::uint32_t workers);

    // Replaces every worker by a new one, which is ready first. Completes with (error_code,
    // verdict): no error when there is a verdict, good or bad; operation_aborted when the master
    // went before. One that is wished for while another runs follows it.
    template <class Token>
    auto async_reload(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, verdict)>(
            [this](auto handler) { start_reload(std::move(handler)); }, token);
    }
    void reload();

    // Forgets failures: seats that wait for their next worker, or were given up, get it now.
    void reset_restarts();

    // Every worker leaves gracefully, and none is started until scale() or reload().
    void drain_workers();

    // Stops accepting, passes on what has been accepted, tells every worker to finish within
    // options::drain_deadline; kills what is left options::kill_after later. Twice is once.
    void stop();

    // The same with another deadline, of several the earliest.
    void stop(std::chrono::milliseconds deadline);

    // Kills every worker, now.
    void stop_now();

    // ---- looks ----

    // One line: why run() returned 1; empty otherwise.
    std::string const& failure() const;

    std::vector<std::string> const& addresses() const; // as on_ready gets them
    std::vector<worker_ref> workers() const;           // that live, in the order of their ids
    std::vector<worker_status> status() const;         // of every seat

  private:
    using reload_handler = net::any_completion_handler<void(boost::system::error_code, verdict)>;
    void start_reload(reload_handler handler);

    std::shared_ptr<supervision::cluster_core> core_;
};

} // namespace covey
