#include "accept_loop.hpp"

#include "log.hpp"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>

namespace covey::protocol {

accept_loop::accept_loop(net::any_io_executor executor, shared_handle socket, std::string address,
                         taker take, std::size_t batch)
    : executor_{executor}
    , socket_{std::move(socket)}
    , address_{std::move(address)}
    , take_{std::move(take)}
    , batch_{batch}
    , rest_timer_{executor}
{}

void accept_loop::resume()
{
    paused_ = false;
    if (!waiting_)
        wait();
}

// A wait that is under way is left alone.
void accept_loop::pause()
{
    paused_ = true;
}

void accept_loop::leave()
{
    paused_ = true;
    readable_.reset();
    rest_timer_.cancel();
    waiting_ = false;
    ++wait_;
}

void accept_loop::sweep(std::size_t most)
{
    paused_ = true;
    while (most-- > 0 && accept_one() == outcome::taken) {
    }
}

std::function<void(boost::system::error_code)> accept_loop::when_woken()
{
    return [weak = weak_from_this(), wait = ++wait_](boost::system::error_code failed) {
        auto const self = weak.lock();
        if (failed || !self || self->wait_ != wait)
            return;
        self->waiting_ = false;
        if (!self->paused_)
            self->accept_batch();
    };
}

void accept_loop::wait()
{
    waiting_ = true;
    if (!readable_)
        readable_.emplace(executor_, *socket_);
    readable_->async_wait(when_woken());
}

void accept_loop::accept_batch()
{
    ++wakes_;
    for (std::size_t i = 0; i < batch_ && !paused_; ++i) {
        auto const result = accept_one();
        if (result == outcome::exhausted)
            return rest();
        if (result == outcome::none)
            break;
    }
    if (!paused_ && !waiting_)
        wait();
}

accept_loop::outcome accept_loop::accept_one()
{
    for (;;) {
        sockaddr_storage from{};
        socklen_t bytes = sizeof from;
        handle made{::accept4(socket_->get(), static_cast<sockaddr*>(static_cast<void*>(&from)),
                              &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (made.is_open()) {
            exhausted_ = false;
            ++accepted_;
            take_(std::move(made), from);
            return outcome::taken;
        }
        switch (errno) {
        case EAGAIN:
            return outcome::none;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM:
            return outcome::exhausted;
        default:
            // ECONNABORTED, EPROTO and the network errors of accept(2): that one connection broke
            // while it waited. EINTR: again.
            continue;
        }
    }
}

void accept_loop::rest()
{
    if (!std::exchange(exhausted_, true))
        log::warning(fmt::format("listener {}: accepting pauses: {}; raise the limit of open files "
                                 "(ulimit -n)",
                                 address_, std::strerror(errno)));
    waiting_ = true;
    rest_timer_.expires_after(pause_when_full);
    rest_timer_.async_wait(when_woken());
}

} // namespace covey::protocol
