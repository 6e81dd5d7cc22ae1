#include "departure.hpp"

#include "http/server.hpp"
#include "intake.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <covey/protocol/log.hpp>
#include <covey/protocol/version.hpp>
#include <string>
#include <utility>

namespace covey {

namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

// For last words, behind a deadline too: the master kills no sooner than a second after it. A
// master that reads takes what a channel's queue may hold in a few milliseconds.
constexpr auto flush_patience = 500ms;

constexpr auto ask_again = 5ms;

} // namespace

departure::departure(net::io_context& loop, protocol::worker_channel& channel)
    : loop_{loop}
    , channel_{channel}
    , deadline_{loop}
    , flushing_{loop}
    , retry_{loop}
{}

void departure::serves(intake& arrivals, http::server& server)
{
    arrivals_ = &arrivals;
    server_ = &server;
}

void departure::drain(milliseconds within, milliseconds spread)
{
    if (code_)
        return;
    if (server_ == nullptr || within.count() == 0)
        return leave(protocol::worker_exit::planned);
    auto const at = clock::now() + within;
    if (draining_ && deadline_.expiry() <= at)
        return;
    deadline_.expires_at(at);
    deadline_.async_wait([this](error_code stopped) {
        if (!stopped)
            expire();
    });
    if (!std::exchange(draining_, true)) {
        arrivals_->stop();
        for (auto& each : std::exchange(handlers_, {})) // before the end that may be near
            tell(std::move(each));
    }
    // Who is told to end needs time for it: nobody is in the second half of what there is.
    server_->drain(std::min(spread, within / 2), [this] { leave(protocol::worker_exit::planned); });
}

void departure::expire()
{
    log::warning("the drain's deadline has passed; " + std::to_string(server_->load().connections) +
                 " connections are cut");
    leave(protocol::worker_exit::planned);
}

void departure::on_drain(drain_handler handler)
{
    if (draining_)
        tell(std::move(handler));
    else
        handlers_.push_back(std::move(handler));
}

void departure::tell(drain_handler handler)
{
    net::post(loop_, [this, handler = std::move(handler)] {
        auto const left = std::chrono::ceil<milliseconds>(deadline_.expiry() - clock::now());
        handler(std::max(left, 0ms));
    });
}

void departure::leave(int code)
{
    if (code_)
        return;
    code_ = code;
    deadline_.cancel();
    flushing_.expires_after(flush_patience);
    flushing_.async_wait([this](error_code stopped) {
        if (!stopped)
            loop_.stop();
    });
    flush();
}

void departure::flush()
{
    channel_.async_drained([this](error_code failed) {
        if (!failed && channel_.queued_bytes() > 0)
            return flush(); // something has been said meanwhile
        if (failed != net::error::already_started)
            return loop_.stop();
        // Somebody else waits for the same: one call at a time is the channel's rule.
        retry_.expires_after(ask_again);
        retry_.async_wait([this](error_code) { flush(); });
    });
}

} // namespace covey
