// channel: one end of the conversation between a master and a worker.
//
// A stream socket that carries frames (codec.hpp) and, beside them, handles. Received descriptors
// wait in a queue of their own and are claimed by the frame that declares them: on a stream "the
// descriptor belongs to this read" is wrong (unix(7)). Whatever breaks a rule ends this channel,
// with a reason, and nothing else; descriptors that nobody claimed are closed.
//
// All calls from the executor's thread. Nothing blocks, and no completion handler runs inside a
// call of the channel. A channel may be destroyed at any time, in its own handlers too: an
// outstanding call then completes with operation_aborted, as it does when it is cancelled.
//
// A peer that is gone ends the sending at once (send says closed, is_open() is false), but what it
// had said before is still received; only then does async_receive give the reason.
#pragma once

#include "codec.hpp"
#include "error.hpp"
#include "handle.hpp"
#include "messages.hpp"
#include "send_status.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace covey::protocol {

namespace net = boost::asio;

using covey::send_status;

struct channel_limits
{
    // What each lane of the queue may hold, 128 bytes a frame for keeping it included. One frame
    // always fits into an empty one. A peer that never reads costs at most both.
    std::size_t queued_bytes_max = 1 << 20;
    // A frame's body, in either direction.
    std::size_t frame_bytes_max = 1 << 20;
};

// A pair of connected stream sockets, close-on-exec and non-blocking. Throws system_error.
std::pair<handle, handle> make_socket_pair();

// The untyped core: frames in, frames out.
class frame_channel
{
  public:
    // `socket` is a connected Unix stream socket. Throws system_error when it cannot be watched.
    frame_channel(net::any_io_executor executor, handle socket, channel_limits limits = {});
    ~frame_channel(); // closes
    frame_channel(frame_channel&&) noexcept;
    frame_channel& operator=(frame_channel&&) noexcept;

    // Tries to send at once and queues what the kernel does not take. The frames of a lane leave in
    // the order of their send calls, each with its handles.
    send_status send(frame out, std::vector<shared_handle> handles = {}, lane in = lane::data);

    // Completes with the next frame and its handles, or with the reason the channel ended (every
    // later call gets the same reason). One outstanding call at a time: a second one completes
    // with already_started.
    //
    // error::handles_lost is the one error that ends nothing: the frame is here, and in place of
    // its handles as many empty ones. Decline it and go on.
    template <class Token>
    auto async_receive(Token&& token)
    {
        return net::async_initiate<Token,
                                   void(boost::system::error_code, frame, std::vector<handle>)>(
            [this](auto handler) { start_receive(std::move(handler)); }, token);
    }

    // Completes when the queue is empty (at once if it is), or with the reason the channel ended.
    // To part in good order: send, async_drained, close. Any number of calls may be outstanding.
    template <class Token>
    auto async_drained(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code)>(
            [this](auto handler) { start_drained(std::move(handler)); }, token);
    }

    // Ends the channel for `reason`; what is queued is dropped, outstanding calls complete.
    void close(boost::system::error_code reason = error::closed);

    bool is_open() const noexcept;
    std::size_t queued_bytes() const noexcept; // not yet handed to the kernel, as limits count
    net::any_io_executor get_executor() const;

  private:
    struct core;
    using receive_handler =
        net::any_completion_handler<void(boost::system::error_code, frame, std::vector<handle>)>;
    using drained_handler = net::any_completion_handler<void(boost::system::error_code)>;
    void start_receive(receive_handler handler);
    void start_drained(drained_handler handler);

    std::shared_ptr<core> core_;
};

// What arrived: a message of the peer's direction and the handles that came with it.
template <class Message>
struct envelope
{
    Message message;
    std::vector<handle> handles;
    std::size_t handles_lost = 0; // that were sent with it; then there are none
};

namespace detail {

// Between a frame and the user's handler: decodes. It may run when the channel is gone.
template <class In, class Handler>
struct decoding_handler
{
    std::weak_ptr<frame_channel> frames;
    Handler handler;

    void operator()(boost::system::error_code failed, frame in, std::vector<handle> handles)
    {
        envelope<In> out{};
        bool const here = !failed || failed == error::handles_lost;
        if (here) {
            if (auto const wrong = decode(in, handles.size(), out.message)) {
                failed = wrong;
                if (auto const channel = frames.lock())
                    channel->close(wrong);
            } else if (failed) {
                out.handles_lost = handles.size();
            } else {
                out.handles = std::move(handles);
            }
        }
        std::move(handler)(failed, std::move(out));
    }
};

} // namespace detail

// A channel that speaks Out and hears In; both are variants of messages.hpp.
template <class Out, class In>
class channel
{
  public:
    channel(net::any_io_executor executor, handle socket, channel_limits limits = {})
        : frames_{std::make_shared<frame_channel>(std::move(executor), std::move(socket), limits)}
    {}

    send_status send(Out const& message, std::vector<shared_handle> handles = {})
    {
        return frames_->send(encode(message), std::move(handles), lane_of(message));
    }

    // Completes with (error_code, envelope<In>); a frame that is no message of In, or comes with
    // the wrong number of handles, ends the channel. With error::handles_lost the message is here
    // and its handles are not, and the channel goes on.
    template <class Token>
    auto async_receive(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, envelope<In>)>(
            [this](auto handler) {
                frames_->async_receive(
                    detail::decoding_handler<In, decltype(handler)>{frames_, std::move(handler)});
            },
            token);
    }

    template <class Token>
    auto async_drained(Token&& token)
    {
        return frames_->async_drained(std::forward<Token>(token));
    }

    void close(boost::system::error_code reason = error::closed) { frames_->close(reason); }
    bool is_open() const noexcept { return frames_->is_open(); }
    std::size_t queued_bytes() const noexcept { return frames_->queued_bytes(); }
    net::any_io_executor get_executor() const { return frames_->get_executor(); }

  private:
    std::shared_ptr<frame_channel> frames_; // owned alone; handlers in flight only watch it
};

using master_channel = channel<from_master, from_worker>; // the master's end
using worker_channel = channel<from_worker, from_master>; // a worker's end
using peer_channel = channel<from_peer, from_peer>;       // either end, for applications alone
using control_channel = channel<to_tool, from_tool>;      // the master's end of the control socket
using tool_channel = channel<from_tool, to_tool>;         // a tool's end of it

} // namespace covey::protocol

// The user's executor, allocator and cancellation slot show through.
template <template <class, class> class Associator, class In, class Handler, class Default>
struct boost::asio::associator<Associator, covey::protocol::detail::decoding_handler<In, Handler>,
                               Default> : Associator<Handler, Default>
{
    using wrapped = covey::protocol::detail::decoding_handler<In, Handler>;

    static auto get(wrapped const& it) noexcept
    {
        return Associator<Handler, Default>::get(it.handler);
    }
    static auto get(wrapped const& it, Default const& otherwise) noexcept
    {
        return Associator<Handler, Default>::get(it.handler, otherwise);
    }
};
