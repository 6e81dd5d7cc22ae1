// messenger: the conversation of two applications: messages, requests and replies, with handles
// beside them. README.md tells what goes over the wire.
//
// It speaks through a channel that the house uses too (a worker and its master), or owns one
// (parent and child of process::fork). All calls from the executor's thread; nothing blocks, and
// no handler runs inside a call. It may be destroyed at any time, in its own handlers too.
//
// - Messages and requests arrive in the order in which they were sent, with or without handles.
// - Nothing is dropped in silence, and nobody's memory grows without bound: what the peer's
//   application has not taken yet is counted against a window, and when that is used up, send says
//   would_block here. Messages of the house pass meanwhile.
// - A message that lost its handles on the way (the peer's descriptor table is full) waits at the
//   peer, and what comes behind it too, while the handles are sent again, up to three times; then
//   it is dropped there and on_error tells it here.
// - What breaks a rule is told by on_error and ignored; the conversation goes on.
#pragma once

#include "message.hpp"
#include "send_status.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace covey {

namespace protocol {
struct talk;
}

struct messenger_limits
{
    // Bytes that the peer may have sent and the application not yet taken, with 64 more a message
    // and 16 KiB a handle; one message may overdraw it. Both ends must agree.
    std::size_t window = 1 << 20;
    std::size_t requests_pending_max = 1024; // ours, that wait for a reply
    std::size_t requests_running_max = 256;  // the peer's, that wait for ours
};

class messenger
{
  public:
    using drained_handler = net::any_completion_handler<void(boost::system::error_code)>;

    // What carries the talk, and calls back once all it was given has left.
    struct carrier
    {
        std::function<send_status(protocol::talk const&, std::vector<shared_handle>)> send;
        std::function<void(drained_handler)> drained;
    };
    messenger(net::any_io_executor executor, carrier by, messenger_limits limits = {});

    // Owns the channel: a connected Unix stream socket. Throws system_error.
    messenger(net::any_io_executor executor, handle channel, messenger_limits limits = {});

    ~messenger(); // outstanding calls complete with operation_aborted; an owned channel is closed
    messenger(messenger&&) noexcept;
    messenger& operator=(messenger&&) noexcept;

    // ---- speaking ----

    // Never throws. invalid: the body is above message_bytes_max as msgpack or more than 64 deep,
    // or a handle is empty, was sent already, or is one too many.
    send_status send(datum const& body, std::vector<passed_handle> handles = {});

    // Completes with (error_code, message): the reply; timed_out; error::request_failed, whose
    // message says why, when the peer's handler threw; error::too_many_requests; would_block or
    // invalid_argument as send says; error::handles_undelivered; or why the conversation has
    // ended. A reply that comes later is ignored. May be cancelled.
    template <class Token>
    auto async_request(datum const& body, std::chrono::milliseconds timeout, Token&& token)
    {
        return async_request(body, {}, timeout, std::forward<Token>(token));
    }
    template <class Token>
    auto async_request(datum const& body, std::vector<passed_handle> handles,
                       std::chrono::milliseconds timeout, Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, message)>(
            [this](auto handler, datum const& said, std::vector<passed_handle> beside,
                   std::chrono::milliseconds within) {
                start_request(said, std::move(beside), within, std::move(handler));
            },
            token, body, std::move(handles), timeout);
    }

    // Completes when a send that was refused would be taken now (at once when nothing waits), or
    // with why the conversation has ended. Any number may be outstanding.
    template <class Token>
    auto async_drained(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code)>(
            [this](auto handler) { start_drained(std::move(handler)); }, token);
    }

    // Completes when all that was sent has left this process and the peer has its handles, or with
    // why the conversation has ended. To part in good order: send, async_flushed, close.
    template <class Token>
    auto async_flushed(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code)>(
            [this](auto handler) { start_flushed(std::move(handler)); }, token);
    }

    // ---- hearing ----
    // What comes before a handler is set waits for it, within the window. Handlers are called from
    // the loop, one message a turn of it; one that throws is told by on_error.

    void on_message(std::function<void(message)> handler);

    // Its result is the reply, which carries no handles; when it throws, the request fails with
    // what it threw. Requests that come meanwhile run beside it.
    void on_request(std::function<net::awaitable<datum>(message)> handler);

    // What was ignored, and why, for people. Without a handler it is logged as a warning.
    void on_error(std::function<void(std::string)> handler);

    // The conversation has ended, for this reason; called once, after the last message.
    void on_end(std::function<void(boost::system::error_code)> handler);

    // ---- the end ----

    bool is_open() const noexcept;

    // Takes nothing more to send, flushes for up to `within`, then ends the conversation, and an
    // owned channel with it.
    void close(std::chrono::milliseconds within = std::chrono::seconds{5});

    // ---- for who carries it ----

    // The peer said this. `handles` is empty when they were lost.
    void hear(protocol::talk said, std::vector<handle> handles);

    // Calls the handlers, here and now, for all that has been heard and that they want: for who is
    // about to leave. Not from a handler.
    void give_heard();

    // The channel is gone: what waits for the peer fails with `reason`. What was heard before is
    // still given to the handlers.
    void end(boost::system::error_code reason);

  private:
    struct core;
    using reply_handler = net::any_completion_handler<void(boost::system::error_code, message)>;
    void start_request(datum const& body, std::vector<passed_handle> handles,
                       std::chrono::milliseconds timeout, reply_handler handler);
    void start_drained(drained_handler handler);
    void start_flushed(drained_handler handler);

    std::shared_ptr<core> core_;
};

// Carries a messenger's talk over a channel that has other things to say as well. The channel
// outlives the messenger.
template <class Channel>
messenger::carrier carried_by(Channel& channel)
{
    return {
        [&channel](protocol::talk const& said, std::vector<shared_handle> handles) {
            return channel.send(said, std::move(handles));
        },
        [&channel](messenger::drained_handler done) { channel.async_drained(std::move(done)); }};
}

} // namespace covey
