// channel: one end of the conversation between a master and a worker.
//
// A stream socket that carries frames (codec.hpp) and, beside them, handles. Received descriptors
// wait in a queue of their own and are claimed by the frame that declares them: on a stream "the
// descriptor belongs to this read" is wrong (unix(7)). Whatever breaks a rule ends this channel,
// with a reason, and nothing else; descriptors that nobody claimed are closed.
//
// All calls from the executor's thread. Nothing blocks. A channel may be destroyed at any time:
// an outstanding async_receive then completes with operation_aborted.
#pragma once

#include "codec.hpp"
#include "error.hpp"
#include "handle.hpp"
#include "messages.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace covey::protocol {

namespace net = boost::asio;

enum class send_status {
    sent,        // handed to the kernel
    queued,      // will be; keep sending if you must
    would_block, // refused: queued_bytes_max is reached. Wait for async_drained.
    closed,      // refused: the channel has ended
};

struct channel_limits
{
    std::size_t queued_bytes_max = 1 << 20; // cluster.md: high watermark 1 MiB
    std::size_t frame_bytes_max = 1 << 20;  // decisions.md: frame 1 MiB
};

// A pair of connected stream sockets, close-on-exec and non-blocking. Throws system_error.
std::pair<handle, handle> make_socket_pair();

// The untyped core: frames in, frames out.
class frame_channel
{
  public:
    frame_channel(net::any_io_executor executor, handle socket, channel_limits limits = {});
    ~frame_channel(); // closes
    frame_channel(frame_channel&&) noexcept;
    frame_channel& operator=(frame_channel&&) noexcept;

    // Tries to send at once and queues what the kernel does not take. Frames leave in the order of
    // their send calls, each with its handles.
    send_status send(frame out, std::vector<shared_handle> handles = {});

    // Completes with the next frame and its handles, or with the reason the channel ended (every
    // later call gets the same reason). One outstanding call at a time.
    template <class Token>
    auto async_receive(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, frame,
                                               std::vector<handle>)>(
            [this](auto handler) { start_receive(std::move(handler)); }, token);
    }

    // Completes when the queue is empty (at once if it is), or with the reason the channel ended.
    template <class Token>
    auto async_drained(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code)>(
            [this](auto handler) { start_drained(std::move(handler)); }, token);
    }

    // Ends the channel for `reason`; what is queued is dropped, outstanding calls complete.
    void close(boost::system::error_code reason = error::closed);

    bool is_open() const noexcept;
    std::size_t queued_bytes() const noexcept;
    net::any_io_executor get_executor() const;

  private:
    struct core;
    using receive_handler = net::any_completion_handler<void(boost::system::error_code, frame,
                                                             std::vector<handle>)>;
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
};

// A channel that speaks Out and hears In; both are variants of messages.hpp.
template <class Out, class In>
class channel
{
  public:
    channel(net::any_io_executor executor, handle socket, channel_limits limits = {})
        : frames_{std::move(executor), std::move(socket), limits}
    {}

    send_status send(Out const& message, std::vector<shared_handle> handles = {})
    {
        return frames_.send(encode(message), std::move(handles));
    }

    // Completes with (error_code, envelope<In>); a frame that is no message of In, or comes with
    // the wrong number of handles, ends the channel.
    template <class Token>
    auto async_receive(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, envelope<In>)>(
            [this](auto handler) {
                frames_.async_receive([this, handler = std::move(handler)](
                                          boost::system::error_code failed, frame in,
                                          std::vector<handle> handles) mutable {
                    envelope<In> out{};
                    if (!failed) {
                        failed = decode(in, handles.size(), out.message);
                        if (failed)
                            frames_.close(failed);
                        else
                            out.handles = std::move(handles);
                    }
                    std::move(handler)(failed, std::move(out));
                });
            },
            token);
    }

    template <class Token>
    auto async_drained(Token&& token)
    {
        return frames_.async_drained(std::forward<Token>(token));
    }

    void close(boost::system::error_code reason = error::closed) { frames_.close(reason); }
    bool is_open() const noexcept { return frames_.is_open(); }
    std::size_t queued_bytes() const noexcept { return frames_.queued_bytes(); }

  private:
    frame_channel frames_;
};

using master_channel = channel<from_master, from_worker>; // the master's end
using worker_channel = channel<from_worker, from_master>; // a worker's end

} // namespace covey::protocol
