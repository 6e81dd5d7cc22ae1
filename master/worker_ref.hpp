// worker_ref: the master's side of one worker: what it is, and what can be asked of it.
//
// A cheap value that compares by worker; it may outlive the worker, and the master too: it then
// tells the last that was known, and asks in vain. Asking an empty one anything but is_empty() is
// an error of the program. All calls from the master's thread.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <covey/protocol/message.hpp>
#include <covey/protocol/send_status.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace covey {

namespace net = boost::asio;

struct event;
enum class event_kind;

namespace supervision {
class worker_life;
}

enum class worker_state {
    none,         // not forked yet
    forked,       // its process has been started
    online,       // it runs and has said so
    listening,    // clients of a listener are its from now on
    ready,        // it is set up: it gets connections
    draining,     // it gets none any more, and finishes what it has
    disconnected, // its channel has ended
    dead,         // its process has ended
};

std::string_view name(worker_state state);

class worker_ref
{
  public:
    worker_ref() = default; // no worker
    bool is_empty() const { return life_ == nullptr; }
    bool operator==(worker_ref const&) const = default;

    std::uint64_t id() const;         // never reused; 0 before its fork
    std::uint32_t seat() const;       // its replacement has the same one
    std::uint32_t generation() const; // of reloads
    std::int64_t pid() const;         // 0 before its fork and when it is dead
    worker_state state() const;
    bool is_connected() const;
    bool is_dead() const;

    // True when it leaves or left because it was told to or said so (stop, recycle, reload,
    // suicide); set before any exit handler runs.
    bool exited_after_disconnect() const;

    // ---- words ----

    // A message to this worker. Before it is online it waits here and arrives after online, in
    // order. would_block: event `drain` tells when to go on. Never throws.
    send_status send(datum const& body, std::vector<passed_handle> handles = {});

    // Completes with (error_code, message): the worker's reply, timed_out, or why there is none
    // (messenger.hpp has the list); closed once its channel has ended.
    template <class Token>
    auto async_request(datum const& body, std::chrono::milliseconds timeout, Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, message)>(
            [](auto handler, worker_ref to, datum const& said, std::chrono::milliseconds within) {
                to.start_request(said, within, std::move(handler));
            },
            token, *this, body, timeout);
    }

    // Calls `handler` for this worker's events only, after those of master::on.
    void on(event_kind kind, std::function<void(event const&)> handler);

    // ---- orders ----

    // Sends what was sent to it, waits until it has acknowledged its connections, then closes the
    // channel; the worker drains and exits, and another one takes its seat.
    void disconnect();

    // Graceful: it finishes within `deadline` from now; another one takes its seat.
    void stop(std::chrono::milliseconds deadline);

    // Its replacement first: once that is ready, this one is stopped.
    void recycle();

    // Sends a signal and nothing else. False when the process has ended: then nobody gets it.
    bool kill(int signal);

  private:
    friend class supervision::worker_life;
    friend supervision::worker_life& life_of(worker_ref const& worker);
    explicit worker_ref(std::shared_ptr<supervision::worker_life> of)
        : life_{std::move(of)}
    {}

    using reply_handler = net::any_completion_handler<void(boost::system::error_code, message)>;
    void start_request(datum const& body, std::chrono::milliseconds timeout, reply_handler handler);

    std::shared_ptr<supervision::worker_life> life_;
};

} // namespace covey
