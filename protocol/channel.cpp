#include "channel.hpp"

#include "detail/ancillary.hpp"
#include "detail/frame_input.hpp"
#include "detail/frame_output.hpp"
#include "detail/waiting_list.hpp"

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <chrono>
#include <sys/socket.h>

namespace covey::protocol {

namespace {

using boost::system::error_code;

// The kernel has no room for more handles in flight, or no memory, and tells nobody when that
// changes: ask again after this long.
constexpr std::chrono::milliseconds retry_after{5};

bool is_shortage(error_code failed)
{
    return failed == error_code{ETOOMANYREFS, boost::system::system_category()} ||
           failed == net::error::no_buffer_space || failed == net::error::no_memory;
}

bool is_peer_gone(error_code failed)
{
    return failed == net::error::broken_pipe || failed == net::error::connection_reset;
}

} // namespace

std::pair<handle, handle> make_socket_pair()
{
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        throw boost::system::system_error{errno, boost::system::system_category(),
                                          "make a socket pair"};
    return {handle{ends[0]}, handle{ends[1]}};
}

// What outlives the channel while an operation is in the loop. Handlers are called by the loop
// only, so no call of ours runs user code, and the user may destroy the channel in any handler.
struct frame_channel::core : std::enable_shared_from_this<core>
{
    using waiter = detail::waiter<core>;

    core(net::any_io_executor executor, handle socket, channel_limits limits)
        : limits_{limits}
        , socket_{executor}
        , retry_{executor}
        , input_{limits.frame_bytes_max}
        , drained_{std::make_shared<detail::waiting_list>(executor)}
    {
        socket_.assign(socket.get()); // throws; until then the handle closes it
        static_cast<void>(socket.release());
        socket_.native_non_blocking(true);
    }

    // ---- sending -----------------------------------------------------------------------------

    send_status send(frame out, std::vector<shared_handle> handles, lane in)
    {
        if (!is_open())
            return send_status::closed;
        if (!is_valid(out, handles))
            return send_status::invalid;
        std::size_t const size = header_bytes + out.body.size() + detail::frame_weight;
        std::size_t const waiting = output_.bytes(in);
        if (waiting > 0 && waiting + size > limits_.queued_bytes_max)
            return send_status::would_block;

        bool const idle = output_.empty();
        output_.push(std::move(out), std::move(handles), in);
        if (idle)
            flush();
        return !is_open()        ? send_status::closed
               : output_.empty() ? send_status::sent
                                 : send_status::queued;
    }

    bool is_valid(frame const& out, std::vector<shared_handle> const& handles) const
    {
        return out.body.size() <= limits_.frame_bytes_max && handles.size() <= handles_max &&
               std::all_of(handles.begin(), handles.end(),
                           [](shared_handle const& it) { return it && it->is_open(); });
    }

    void flush()
    {
        error_code const failed = output_.flush(socket_.native_handle());
        if (!failed) {
            drained_->complete_all({});
        } else if (failed == net::error::would_block) {
            socket_.async_wait(socket_.wait_write, waiter{shared_from_this(), &core::on_writable});
        } else if (is_shortage(failed)) {
            retry_.expires_after(retry_after);
            retry_.async_wait(waiter{shared_from_this(), &core::on_writable});
        } else if (is_peer_gone(failed)) {
            stop_sending(error::closed);
        } else {
            close(failed);
        }
    }

    void on_writable(error_code)
    {
        if (is_open() && !output_.empty())
            flush();
    }

    // The peer takes no more, but what it has said before may still be read.
    void stop_sending(error_code reason)
    {
        sending_ended_ = reason;
        output_.clear();
        drained_->complete_all(reason);
    }

    void start_drained(drained_handler handler)
    {
        if (!is_open())
            complete(std::move(handler), ended_ ? ended_ : sending_ended_);
        else if (output_.empty())
            complete(std::move(handler), error_code{});
        else
            drained_->add(std::move(handler));
    }

    // ---- receiving ---------------------------------------------------------------------------

    void start_receive(receive_handler handler)
    {
        if (receive_) {
            fail(std::move(handler), net::error::already_started);
        } else if (ended_) {
            fail(std::move(handler), ended_);
        } else {
            hold_receive(std::move(handler));
            deliver();
        }
    }

    // Completes the outstanding receive with a frame that is here, or waits for more. One frame a
    // call, one read a wait: a peer that floods gets its turn like everybody else. `now`: the loop
    // has called us and nothing follows, so the handler need not wait for another turn of it,
    // which would cost the frame a system call.
    void deliver(bool now = false)
    {
        error_code failed;
        if (auto next = input_.next(failed)) {
            error_code const lost = next->handles_lost ? error::handles_lost : error_code{};
            complete_by(now, detail::take_handler(receive_), lost, std::move(*next));
        } else if (failed) {
            close(failed);
        } else if (!std::exchange(reading_, true)) {
            socket_.async_wait(socket_.wait_read, waiter{shared_from_this(), &core::on_readable});
        }
    }

    void on_readable(error_code)
    {
        reading_ = false;
        if (ended_ || !receive_) // closed or cancelled meanwhile: the bytes wait in the kernel
            return;
        detail::received const got =
            detail::receive_with_handles(socket_.native_handle(), input_.space(), arrived_);
        if (got.failed && got.failed != net::error::would_block && !is_peer_gone(got.failed))
            return close(got.failed);
        if (is_peer_gone(got.failed) || (!got.failed && got.bytes == 0))
            return close(input_.at_border() ? error::closed : error::truncated);
        input_.arrived(got.bytes, arrived_, got.handles_lost);
        deliver(true);
    }

    // ---- ending ------------------------------------------------------------------------------

    bool is_open() const { return !ended_ && !sending_ended_; }

    void close(error_code reason)
    {
        if (ended_)
            return;
        ended_ = reason ? reason : error::closed;
        error_code ignored;
        retry_.cancel();
        socket_.close(ignored);
        output_.clear();
        input_.clear();
        if (receive_)
            fail(detail::take_handler(receive_), ended_);
        drained_->complete_all(ended_);
    }

    void abandon()
    {
        auto const receive = std::exchange(receive_, nullptr);
        drained_->clear();
    }

    void cancel_receive()
    {
        if (receive_)
            fail(std::exchange(receive_, nullptr), net::error::operation_aborted);
    }

    // ---- handlers ----------------------------------------------------------------------------

    // Keeps `handler`. By swap: Boost 1.81's move assignment of any_completion_handler calls itself
    // for ever.
    void hold_receive(receive_handler handler)
    {
        if (auto slot = net::get_associated_cancellation_slot(handler); slot.is_connected())
            slot.assign([weak = weak_from_this()](net::cancellation_type) {
                if (auto const self = weak.lock())
                    self->cancel_receive();
            });
        receive_.swap(handler);
    }

    template <class Handler, class... Results>
    void complete(Handler handler, Results... results)
    {
        detail::post_completion(socket_.get_executor(), std::move(handler), std::move(results)...);
    }

    // `now`: before this returns, if the handler's executor lets it.
    void complete_by(bool now, receive_handler handler, error_code result, detail::incoming in)
    {
        auto const executor = net::get_associated_executor(handler, socket_.get_executor());
        auto call = [handler = std::move(handler), result, in = std::move(in)]() mutable {
            std::move(handler)(result, std::move(in.what), std::move(in.handles));
        };
        auto bound = net::bind_executor(executor, std::move(call));
        if (now)
            net::dispatch(socket_.get_executor(), std::move(bound));
        else
            net::post(socket_.get_executor(), std::move(bound));
    }

    void fail(receive_handler handler, error_code reason)
    {
        complete(std::move(handler), reason, frame{}, std::vector<handle>{});
    }

    channel_limits limits_;
    net::posix::stream_descriptor socket_;
    net::steady_timer retry_;
    detail::frame_input input_;
    detail::frame_output output_;
    std::vector<handle> arrived_; // empty between reads; kept for its memory
    receive_handler receive_;
    std::shared_ptr<detail::waiting_list> drained_;
    bool reading_ = false;     // a wait for input is in the loop
    error_code sending_ended_; // the peer is gone, but its last words may be unread
    error_code ended_;
};

frame_channel::frame_channel(net::any_io_executor executor, handle socket, channel_limits limits)
    : core_{std::make_shared<core>(std::move(executor), std::move(socket), limits)}
{}

frame_channel::frame_channel(frame_channel&&) noexcept = default;

frame_channel& frame_channel::operator=(frame_channel&& other) noexcept
{
    frame_channel old{std::move(*this)};
    core_ = std::move(other.core_);
    return *this;
}

frame_channel::~frame_channel()
{
    if (core_)
        core_->close(net::error::operation_aborted);
}

send_status frame_channel::send(frame out, std::vector<shared_handle> handles, lane in)
{
    return core_->send(std::move(out), std::move(handles), in);
}

void frame_channel::close(error_code reason)
{
    core_->close(reason);
}

bool frame_channel::is_open() const noexcept
{
    return core_->is_open();
}

std::size_t frame_channel::queued_bytes() const noexcept
{
    return core_->output_.bytes();
}

net::any_io_executor frame_channel::get_executor() const
{
    return core_->socket_.get_executor();
}

void frame_channel::start_receive(receive_handler handler)
{
    core_->start_receive(std::move(handler));
}

void frame_channel::start_drained(drained_handler handler)
{
    core_->start_drained(std::move(handler));
}

} // namespace covey::protocol
