#include "event_board.hpp"

#include "worker_life.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <covey/protocol/log.hpp>
#include <exception>
#include <fmt/format.h>
#include <string_view>

namespace covey {

std::string_view name(event_kind kind)
{
    static constexpr std::array<std::string_view, 16> names{
        "setup",          "fork",        "online",        "listening", "ready", "message",
        "suicide",        "disconnect",  "exit",          "close",     "error", "giveup",
        "reload_started", "reload_done", "reload_failed", "drain"};
    return names.at(static_cast<std::size_t>(kind));
}

namespace supervision {

void event_handlers::call(event const& what)
{
    // By number: a handler may add others. A deque keeps what is there in its place.
    for (std::size_t i = 0, count = handlers_.size(); i < count; ++i) {
        auto const& [kind, handler] = handlers_[i];
        if (kind != what.kind)
            continue;
        try {
            handler(what);
        } catch (std::exception const& failed) {
            log::error(fmt::format("a handler of '{}' threw: {}", name(kind), failed.what()));
        } catch (...) {
            log::error(fmt::format("a handler of '{}' threw", name(kind)));
        }
    }
}

void event_board::post(event what, std::shared_ptr<covey::message> said)
{
    what.said = said.get();
    waiting_.push_back({std::move(what), std::move(said)});
    net::post(executor_, [self = shared_from_this()] { self->tell(); });
}

void event_board::tell()
{
    if (abandoned_)
        return;
    auto const next = std::move(waiting_.front());
    waiting_.pop_front();
    handlers_.call(next.what);
    if (!abandoned_ && !next.what.worker.is_empty())
        life_of(next.what.worker).handlers().call(next.what);
}

void event_board::abandon()
{
    abandoned_ = true;
    waiting_.clear();
}

} // namespace supervision
} // namespace covey
