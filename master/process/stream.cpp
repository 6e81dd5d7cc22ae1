#include "stream.hpp"

#include "complete.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <covey/shm/assert.hpp>
#include <csignal>
#include <ctime>
#include <unistd.h>
#include <utility>

namespace covey::process {

using boost::system::error_code;

namespace {

// write(2) without SIGPIPE, which for a pipe no flag can ask for: the signal is blocked on this
// thread, and taken away if this write has raised it.
::ssize_t quiet_write(int descriptor, net::const_buffer from)
{
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    bool const was_pending = sigismember(&pending, SIGPIPE) == 1;
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &pipe, &before);
    auto const bytes = ::write(descriptor, from.data(), from.size());
    int const why = errno;
    if (bytes < 0 && why == EPIPE && !was_pending) {
        timespec const now{};
        while (::sigtimedwait(&pipe, nullptr, &now) < 0 && errno == EINTR) {
        }
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = why;
    return bytes;
}

} // namespace

struct stream::core : std::enable_shared_from_this<core>
{
    core(net::any_io_executor executor, handle end)
        : descriptor{std::move(executor)}
    {
        if (!end.is_open())
            return; // closed from the beginning: every call fails
        descriptor.assign(end.get());
        static_cast<void>(end.release());
        descriptor.native_non_blocking(true);
    }

    void write(net::const_buffer from, transfer_handler handler)
    {
        auto const slot = net::get_associated_cancellation_slot(handler);
        descriptor.async_wait(net::posix::descriptor_base::wait_write,
                              net::bind_cancellation_slot(
                                  slot, [self = shared_from_this(), from,
                                         handler = std::move(handler)](error_code failed) mutable {
                                      self->can_write(failed, from, std::move(handler));
                                  }));
    }

    void can_write(error_code failed, net::const_buffer from, transfer_handler handler)
    {
        std::size_t bytes = 0;
        if (!failed && !descriptor.is_open())
            failed = net::error::operation_aborted; // closed meanwhile
        if (!failed) {
            auto const count = quiet_write(descriptor.native_handle(), from);
            if (count < 0 && (errno == EAGAIN || errno == EINTR))
                return write(from, std::move(handler));
            if (count < 0)
                failed.assign(errno, boost::system::system_category());
            else
                bytes = static_cast<std::size_t>(count);
        }
        complete(descriptor.get_executor(), std::move(handler), failed, bytes);
    }

    net::posix::stream_descriptor descriptor;
};

stream::stream() noexcept = default;
stream::stream(net::any_io_executor executor, handle end)
    : core_{std::make_shared<core>(std::move(executor), std::move(end))}
{}
stream::stream(stream&&) noexcept = default;
stream::~stream()
{
    close();
}

stream& stream::operator=(stream&& other) noexcept
{
    close();
    core_ = std::move(other.core_);
    return *this;
}

void stream::start_read(net::mutable_buffer into, transfer_handler handler)
{
    COVEY_ASSERT(core_ != nullptr);
    core_->descriptor.async_read_some(into, std::move(handler));
}

void stream::start_write(net::const_buffer from, transfer_handler handler)
{
    COVEY_ASSERT(core_ != nullptr);
    core_->write(from, std::move(handler));
}

bool stream::is_open() const noexcept
{
    return core_ && core_->descriptor.is_open();
}

void stream::close()
{
    error_code ignored;
    if (core_)
        core_->descriptor.close(ignored);
}

net::any_io_executor stream::get_executor() const
{
    return core_ ? core_->descriptor.get_executor() : net::any_io_executor{};
}

} // namespace covey::process
