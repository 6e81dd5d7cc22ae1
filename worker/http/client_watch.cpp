#include "client_watch.hpp"

#include "last_error.hpp"

#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>
#include <utility>

namespace covey::http {

namespace {

int make_set()
{
    int const made = ::epoll_create1(EPOLL_CLOEXEC);
    if (made < 0)
        throw boost::system::system_error{last_error(), "make an epoll set for clients"};
    return made;
}

} // namespace

client_watch::client_watch(net::io_context& loop)
    : set_{loop, make_set()}
{}

client_watch::error_code client_watch::add(int socket, client& who)
{
    auto const failed = change(EPOLL_CTL_ADD, socket, EPOLLIN | EPOLLRDHUP | EPOLLET, who);
    if (!failed && !std::exchange(waiting_, true))
        wait();
    return failed;
}

client_watch::error_code client_watch::add_writing(int socket, client& who)
{
    return change(EPOLL_CTL_MOD, socket, EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET, who);
}

// Closing alone would not do: others may have the socket, too, and then it stays in the set.
void client_watch::forget(int socket, client const& who)
{
    ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, socket, nullptr);
    for (auto i = next_; i != end_; ++i)
        if (told_[i].data.ptr == &who)
            told_[i].data.ptr = nullptr;
}

client_watch::error_code client_watch::change(int operation, int socket, std::uint32_t events,
                                              client& who)
{
    epoll_event wanted{.events = events, .data = {.ptr = &who}};
    if (::epoll_ctl(set_.native_handle(), operation, socket, &wanted) != 0)
        return last_error();
    return {};
}

// Asked for again, Asio says at once if somebody is ready by then. Who throws ends the worker, not
// what the others are told until then.
void client_watch::wait()
{
    set_.async_wait(set_.wait_read, [this, alive = std::weak_ptr{alive_}](error_code failed) {
        if (failed || alive.expired())
            return;
        try {
            tell_all();
        } catch (...) {
            wait();
            throw;
        }
        wait();
    });
}

// Who finds several looks once more, which is cheaper than by way of the loop.
void client_watch::tell_all()
{
    std::size_t told = 0;
    for (std::size_t now = at_once; now > 1 && told < a_turn; told += now)
        now = tell_some();
}

std::size_t client_watch::tell_some()
{
    auto const found =
        ::epoll_wait(set_.native_handle(), told_.data(), static_cast<int>(told_.size()), 0);
    end_ = found > 0 ? static_cast<std::size_t>(found) : 0;
    std::exception_ptr thrown;
    for (next_ = 0; next_ != end_;) {
        auto const one = told_[next_++];
        auto const has = [&](std::uint32_t events) {
            return (one.events & (events | EPOLLERR | EPOLLHUP)) != 0;
        };
        auto* const who = static_cast<client*>(one.data.ptr);
        try {
            if (who != nullptr)
                who->ready({.to_read = has(EPOLLIN | EPOLLRDHUP),
                            .to_write = has(EPOLLOUT),
                            .ended = has(EPOLLRDHUP)});
        } catch (...) {
            thrown = std::current_exception();
        }
    }
    auto const told = std::exchange(end_, next_ = 0);
    if (thrown)
        std::rethrow_exception(thrown);
    return told;
}

} // namespace covey::http
