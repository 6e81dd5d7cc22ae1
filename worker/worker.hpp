// worker: what a set-up function is given: routes, changes, the state.
//
//   covey::run<board>(argc, argv, options, [](covey::worker<board>& worker) { ... });
//
// The set-up function runs once in every worker process, before it reports ready. Handlers and
// change handlers run on the worker's one thread, never inside one another; a handler that throws
// is a 500 and one log line; co_await is the only way to wait. Nothing here blocks.
#pragma once

#include "http/handler.hpp"
#include "http/metrics.hpp"
#include "http/route_group.hpp"
#include "runtime.hpp"

#include <chrono>
#include <covey/protocol/messenger.hpp>
#include <covey/shm/state.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace covey {

template <class State>
class worker
{
  public:
    worker(runtime& runtime, State& state)
        : runtime_{runtime}
        , state_{state}
        , routes_{[&runtime](std::string method, std::string pattern, http::handler handler) {
            runtime.route(std::move(method), std::move(pattern), std::move(handler));
        }}
    {}
    worker(worker const&) = delete;
    worker& operator=(worker const&) = delete;

    // The shared state; lives as long as the process.
    State& state() { return state_; }

    // Routes. A pattern is "/", "/scores", "/scores/{player}": a {name} takes one non-empty
    // segment; "/{rest...}" at the end takes all that is left. Literal segments win over {names}.
    // A handler is a callable of (http::request const&) that returns http::response or
    // awaitable<http::response>; http/streams.hpp has those that read a body in pieces. Throws
    // std::invalid_argument on a bad or doubled pattern.
    void get(std::string const& pattern, http::handler handler) { on("GET", pattern, handler); }
    void put(std::string const& pattern, http::handler handler) { on("PUT", pattern, handler); }
    void post(std::string const& pattern, http::handler handler) { on("POST", pattern, handler); }
    void del(std::string const& pattern, http::handler handler) { on("DELETE", pattern, handler); }
    void patch(std::string const& pattern, http::handler handler) { on("PATCH", pattern, handler); }
    void any(std::string const& pattern, http::handler handler) { on("*", pattern, handler); }
    void on(std::string method, std::string const& pattern, http::handler handler)
    {
        routes_.on(std::move(method), pattern, std::move(handler));
    }

    // Routes under one prefix, and what is done before and after the handlers of routes that are
    // added from then on (http/route_group.hpp).
    http::route_group group(std::string const& prefix) const { return routes_.group(prefix); }
    void before(http::middleware::before_call call) { routes_.before(std::move(call)); }
    void after(http::middleware::after_call call) { routes_.after(std::move(call)); }

    // Calls `handler(change)` for committed changes of `field`, in the order of revisions: without
    // more words for the newest change of each row, by other workers, from now on. `what` says
    // which rows, how, one's own too, and from when (watching.hpp). For as long as the worker
    // lives, or until what is returned is ended.
    //
    //   worker.on_change(state.scores, handler, {.prefix = "team:", .own_changes = true});
    template <class Field, class Handler>
    watch on_change(Field& field, Handler handler, typename Field::watching what = {})
    {
        return changes().on_change(field, std::move(handler), std::move(what));
    }

    // Calls `handler(batch)` for what each commit changed in these fields, a transaction's rows
    // together (batch_change.hpp), in the strict order of revisions.
    template <class Handler, class... Fields>
    watch on_batch(Handler handler, watching how, Fields&... fields)
    {
        return changes().on_batch(std::move(handler), how, fields...);
    }

    // For change_feed and change_queue; the worker dispatches it.
    subscription& changes() { return runtime_.changes(); }

    // The revision from which on_change tells: what a fresh event_stream knows from.
    std::uint64_t since() { return runtime_.changes().since(); }

    // The slow way, through the master and both channels: sends a change to every worker that asked
    // for them, and asks for those of others. For who cannot be told by the segment; see
    // runtime.hpp.
    void relay(relayed_change const& change) { runtime_.relay(change); }
    void on_relayed(std::function<void(relayed_change const&)> handler)
    {
        runtime_.on_relayed(std::move(handler));
    }

    // Leaves, of its own accord, because of `reason`: a replacement is started at once, this worker
    // drains and exits. An exception that escapes from a timer, a posted function or a change
    // handler does the same. In the set-up function: throws temporary_failure.
    void suicide(std::string const& reason) { runtime_.suicide(reason); }

    // Calls `handler` once when the worker begins to drain, whatever the cause, with the time that
    // is left: end timers and whatever else would go on for long. HTTP connections and event
    // streams end by themselves.
    void on_drain(std::function<void(std::chrono::milliseconds left)> handler)
    {
        runtime_.on_drain(std::move(handler));
    }

    // Takes at most so many connections at a time from now on, 0: none; none given: as many as
    // come. Until then options::connections_max holds. What is open stays; who comes meanwhile
    // goes to other workers, or waits in the kernel's backlog.
    void limit_connections(std::optional<std::uint32_t> most) { runtime_.limit_connections(most); }

    // What one connection, and this worker, may cost from now on; http/limits.hpp has the numbers.
    // Throws std::invalid_argument that says which one is wrong: in the set-up function that is a
    // worker which refuses to serve.
    void limit(http::limits const& bounds) { runtime_.limit(bounds); }

    // For a handler that computes for long: shows the master's watchdog that it is not stuck.
    void heartbeat() { runtime_.heartbeat(); }

    // ---- words: what this worker and the master's program say to each other (messenger.hpp) ----

    // Never throws; in the set-up function too. Messages arrive in order.
    send_status send(datum const& body, std::vector<passed_handle> handles = {})
    {
        return conversation().send(body, std::move(handles));
    }

    // Calls `handler(message)`, whose handles it may take, for what the master says. What comes
    // before it is set waits, within a window of 1 MiB.
    void on_message(std::function<void(message)> handler)
    {
        conversation().on_message(std::move(handler));
    }

    // Completes with (error_code, message): the master's reply, or why there is none.
    template <class Token>
    auto async_request(datum const& body, std::chrono::milliseconds timeout, Token&& token)
    {
        return conversation().async_request(body, timeout, std::forward<Token>(token));
    }

    // `handler(message)` is awaited for every request of the master; its result is the reply.
    void on_request(std::function<net::awaitable<datum>(message)> handler)
    {
        conversation().on_request(std::move(handler));
    }

    // Completes when a send that was refused (would_block) would be taken now.
    template <class Token>
    auto async_drained(Token&& token)
    {
        return conversation().async_drained(std::forward<Token>(token));
    }

    messenger& conversation() { return runtime_.conversation(); }

    // Writes a line for every response to a file of this path, or to standard output: "-", whatever
    // options::access_log says. Throws system_error when it cannot be opened.
    void log_access(std::string target) { runtime_.log_access(std::move(target)); }

    // What http::metrics answers with.
    std::string metrics_text() const { return runtime_.metrics_text(); }

    // One line at level info.
    void log(std::string const& line) { runtime_.log(line); }

    std::uint64_t id() const { return runtime_.identity().id; }
    std::uint32_t seat() const { return runtime_.identity().seat; }
    std::uint32_t generation() const { return runtime_.identity().generation; }
    net::any_io_executor get_executor() const { return runtime_.get_executor(); }

  private:
    runtime& runtime_;
    State& state_;
    http::route_group routes_;
};

} // namespace covey
