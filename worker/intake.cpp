#include "intake.hpp"

#include "http/server.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <covey/protocol/log.hpp>
#include <sys/socket.h>
#include <system_error>
#include <utility>

namespace covey {

namespace {

// Long enough for connections to end and give descriptors back, short enough for those waiting.
constexpr std::chrono::milliseconds pause_when_full{100};

bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

} // namespace

struct intake::acceptor
{
    acceptor(net::io_context& loop, http::server& serving, bool const& is_paused, handle listening)
        : paused{is_paused}
        , descriptor{loop}
        , pause{loop}
        , to{serving}
    {
        descriptor.assign(listening.get());
        static_cast<void>(listening.release()); // the descriptor's now
    }
    ~acceptor() { stop(); }

    void wait();
    void accept_one();
    void stop();

    bool const& paused;
    bool waiting = false;
    net::posix::stream_descriptor descriptor;
    net::steady_timer pause;
    http::server& to;
};

void intake::acceptor::wait()
{
    if (paused || !descriptor.is_open() || std::exchange(waiting, true))
        return;
    descriptor.async_wait(net::posix::stream_descriptor::wait_read,
                          [this](boost::system::error_code stopped) {
                              if (stopped)
                                  return;
                              waiting = false;
                              if (!paused)
                                  accept_one();
                          });
}

void intake::acceptor::accept_one()
{
    handle connection{
        ::accept4(descriptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (connection.is_open()) {
        to.open(std::move(connection));
        return wait();
    }
    int const failed = errno;
    if (is_shortage(failed)) {
        // The connection stays in the queue and the socket readable: without a pause this would
        // be a busy loop.
        log::warning("cannot accept: " + std::generic_category().message(failed));
        pause.expires_after(pause_when_full);
        pause.async_wait([this](boost::system::error_code stopped) {
            if (!stopped)
                wait();
        });
        return;
    }
    // EAGAIN: a sibling was faster. ECONNABORTED and the network's errors, which Linux passes on
    // through accept(2), are about a connection that is no more.
    wait();
}

void intake::acceptor::stop()
{
    pause.cancel();
    if (descriptor.is_open())
        handle{descriptor.release()}.reset(); // release() leaves the epoll set
}

intake::intake(net::io_context& loop, http::server& to)
    : loop_{loop}
    , to_{to}
{}

intake::~intake() = default;

void intake::listen(handle listening)
{
    acceptors_.emplace_back(loop_, to_, paused_, std::move(listening)).wait();
}

bool intake::take(handle connection)
{
    if (stopped_)
        return false;
    to_.open(std::move(connection));
    return true;
}

// A wait that is under way is left alone; it comes to nothing.
void intake::pause()
{
    paused_ = true;
}

void intake::resume()
{
    paused_ = false;
    for (auto& each : acceptors_)
        each.wait();
}

void intake::stop()
{
    stopped_ = true;
    for (auto& each : acceptors_)
        each.stop();
}

} // namespace covey
