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
    for (auto result = outcome::taken;
         most-- > 0 && (result == outcome::taken || result == outcome::broken);)
        result = accept_one();
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
    auto result = outcome::taken;
    for (std::size_t i = 0; i < batch_ && !paused_ && result != outcome::none; ++i)
        if ((result = accept_one()) == outcome::useless)
            return rest();
    if (!paused_ && !waiting_)
        wait();
}

accept_loop::outcome accept_loop::accept_one()
{
    sockaddr_storage from{};
    socklen_t bytes = sizeof from;
    handle made{::accept4(socket_->get(), static_cast<sockaddr*>(static_cast<void*>(&from)), &bytes,
                          SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (made.is_open()) {
        resting_ = false;
        ++accepted_;
        take_(std::move(made), from);
        return outcome::taken;
    }
    switch (errno) {
    case EAGAIN:
        return outcome::none;
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM: // a firewall forbids it
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return outcome::broken;
    default: // no descriptors, no memory; or nothing that accept(2) knows of
        return outcome::useless;
    }
}

void accept_loop::rest()
{
    int const why = errno;
    bool const out_of_descriptors = why == EMFILE || why == ENFILE;
    if (!std::exchange(resting_, true))
        log::warning(
            fmt::format("listener {}: accepting pauses: {}{}", address_, std::strerror(why),
                        out_of_descriptors ? "; raise the limit of open files (ulimit -n)" : ""));
    waiting_ = true;
    rest_timer_.expires_after(pause_when_full);
    rest_timer_.async_wait(when_woken());
    if (on_rest_)
        on_rest_();
}

} // namespace covey::protocol
