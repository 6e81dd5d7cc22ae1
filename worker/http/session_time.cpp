// A session's deadlines, which the server's one timer looks at, and its end while the server
// drains.
#include "session.hpp"

#include "event_sink.hpp"

#include <algorithm>
#include <utility>

namespace covey::http {

void session::set_deadline()
{
    auto const& bounds = owner_.bounds();
    bool const awaits_body = phase_ == phase::answering
                                 ? incoming_ && incoming_->is_waited_for()
                                 : phase_ == phase::reading && reader_.in_body();
    auto wanted = waiting_for::nothing;
    std::chrono::milliseconds patience{};
    if (phase_ == phase::lingering) {
        wanted = waiting_for::client_end;
        // A client that keeps idle connections in a pool may not look at them for long; a stop
        // does not wait for it.
        patience = owner_.is_draining() ? bounds.drain_linger_timeout : bounds.linger_timeout;
    } else if (unsent() > 0) {
        wanted = waiting_for::writing;
        patience = bounds.write_timeout;
    } else if (awaits_body) {
        wanted = waiting_for::body;
        patience = bounds.body_timeout;
    } else if (phase_ == phase::answering) {
        patience = bounds.handler_timeout;
        wanted = patience.count() > 0 ? waiting_for::handler : waiting_for::nothing;
    } else if (phase_ != phase::reading) {
        wanted = waiting_for::nothing; // the stream's time
    } else if (reader_.started()) {
        wanted = waiting_for::head;
        patience = bounds.head_timeout;
    } else {
        wanted = waiting_for::request;
        patience = bounds.idle_timeout;
    }
    auto const before = std::exchange(awaited_, wanted);
    if (before == wanted)
        return; // a deadline moves with progress only, which resets awaited_
    if (before == waiting_for::handler)
        body_began_ += owner_.now() - awaited_since_; // that was not the client's time
    awaited_since_ = owner_.now();
    if (wanted == waiting_for::nothing)
        return wait_until(deadlines::never);
    auto when = awaited_since_ + patience;
    if (wanted == waiting_for::body) {
        auto const allowed =
            std::chrono::seconds{reader_.body_bytes() / bounds.body_bytes_per_second_min};
        auto const slowest = body_began_ + patience + allowed;
        body_is_slow_ = slowest < when;
        when = std::min(when, slowest);
    }
    // The clock was looked at up to a tick ago: nobody shall have less time than was said.
    wait_until(when + bounds.tick);
}

void session::wait_until(server::clock::time_point when)
{
    deadline_ = when;
    if (place_ != no_place)
        owner_.deadlines().set(place_, when);
}

void session::late()
{
    if (awaited_ == waiting_for::nothing || owner_.now() < deadline_)
        return;
    switch (awaited_) {
    case waiting_for::head:
        refuse({408, limit::head_time});
        return advance();
    case waiting_for::body:
        refuse({408, body_is_slow_ ? limit::body_rate : limit::body_time});
        return advance();
    case waiting_for::handler:
        return give_up_handler();
    case waiting_for::request:
        if (end_idle())
            owner_.hits().count(limit::idle_time);
        return;
    case waiting_for::writing:
        owner_.hits().count(limit::write_time);
        return close();
    default:
        owner_.hits().count(limit::linger);
        return close();
    }
}

void session::part()
{
    if (phase_ == phase::streaming) {
        events_->take(out_);
        out_ += events_->farewell(owner_.random());
        phase_ = phase::closing;
        flush();
        set_deadline();
    } else if (awaited_ == waiting_for::request) {
        end_idle();
    } // else its next answer is its last
}

// Bytes already received win: a request that is here will be read and answered. One that is still
// under way finds an end, and no reset: finish() reads on.
bool session::end_idle()
{
    if (socket_.available() > 0) {
        wait_until(owner_.now() + owner_.bounds().drain_idle_timeout); // unless they are no request
        return false;
    }
    phase_ = phase::closing;
    advance();
    return true;
}

} // namespace covey::http
