#include "session.hpp"

#include "event_sink.hpp"
#include "failure.hpp"
#include "spare_fields.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <covey/protocol/log.hpp>
#include <utility>

namespace covey::http {

using boost::system::error_code;

namespace {

constexpr std::size_t out_bytes_kept = 16 << 10; // of an idle connection's output string

void report(request const& asked, std::string const& what)
{
    log::error("request " + asked.id() + ": " + asked.method_name + " " + asked.target_text + ": " +
               what);
}

} // namespace

session::session(handle connection, server& owner)
    : owner_{owner}
    , socket_{owner.clients(), std::move(connection)}
    , reader_{owner.bounds()}
{}

void session::start()
{
    set_deadline();
    auto const room = in_.room();
    error_code failed;
    auto const bytes = socket_.read_some(room, failed);
    if (failed == net::error::would_block)
        read();
    else if (failed && failed != net::error::eof)
        close();
    else
        received(bytes, failed == net::error::eof);
}

// ---- requests -----------------------------------------------------------------------------------

// Answers what has been received, writes, and reads on if more is wanted.
void session::advance()
{
    if (std::exchange(advancing_, true))
        return; // a handler's coroutine ended within step(): the loop below goes on
    auto const may_go_on = [this] {
        return phase_ == phase::reading && unsent() <= owner_.bounds().unsent_bytes_max;
    };
    bool more = true;
    do {
        while (more && may_go_on())
            more = step();
        flush();
        watch_.end(owner_.counts());
    } while (more && may_go_on()); // the answers have left: there is room for others
    advancing_ = false;
    if (may_go_on())
        read();
    bool const holds = phase_ == phase::reading && !may_go_on();
    if (holds && !std::exchange(held_back_, holds))
        owner_.hits().count(limit::unsent_bytes);
    held_back_ = holds;
    if (phase_ == phase::streaming)
        pump(); // what was published while the handler waited
    set_deadline();
}

// One step of the reader; false when more bytes are needed or none are wanted.
bool session::step()
{
    auto bytes = in_.unused();
    auto const progress = reader_.read(bytes);
    in_.used(in_.unused().size() - bytes.size());
    switch (progress) {
    case request_reader::progress::head:
        return meet_head();
    case request_reader::progress::complete:
        answer();
        return true;
    case request_reader::progress::refused:
        refuse(reader_.refusal());
        return false;
    case request_reader::progress::need_more:
        if (input_ended_) // nothing more can come of it
            phase_ = phase::closing;
        return false;
    }
    return false;
}

// A head whose body has still to come: the moment to say that the body is wanted, or not.
bool session::meet_head()
{
    body_began_ = owner_.now();
    auto const& asked = reader_.get();
    route_ = owner_.routes().find(asked.method(), asked.path());
    routed_ = true;
    bool const in_pieces = route_.chosen != nullptr && route_.chosen->reads_body();
    if (auto const why = reader_.limit_body(in_pieces ? owner_.bounds().streamed_bytes_max
                                                      : owner_.bounds().body_bytes_max)) {
        refuse(why);
        return false;
    }
    if (in_pieces) {
        answer();
        return true;
    }
    if (!reader_.wants_continue() || !in_.empty())
        return true;
    if (route_.chosen) {
        out_ += go_on;
        return true;
    }
    // The client may send the body all the same or not: no telling, so this is the last answer.
    owner_.request_begins();
    watch_.begin();
    auto made = refusal(route_, asked);
    made.set("Connection", "close");
    respond(std::move(made));
    client_closes_ = false;
    return false;
}

void session::answer()
{
    auto& asked = reader_.get();
    owner_.request_begins();
    watch_.begin();
    if (!std::exchange(routed_, false))
        route_ = owner_.routes().find(asked.method(), asked.path());
    if (!route_.chosen)
        return respond(refusal(route_, asked));
    asked.parameters = std::move(route_.parameters);
    auto const& chosen = *route_.chosen;
    if (chosen.reads_body()) {
        incoming_.emplace(owner_.loop(), *this);
        if (reader_.is_complete())
            incoming_->end();
        return await_handler([&] { return chosen.wait(asked, *incoming_); });
    }
    if (chosen.waits())
        return await_handler([&] { return chosen.wait(asked); });
    response made;
    try {
        made = chosen(asked);
    } catch (...) {
        made = answer_to(std::current_exception(), asked);
    }
    respond(std::move(made));
}

template <class Start>
void session::await_handler(Start start)
{
    if (owner_.load().in_flight > owner_.bounds().in_flight_max) {
        owner_.hits().count(limit::in_flight);
        return respond(status(503).set("Retry-After", "1"));
    }
    phase_ = phase::answering;
    net::co_spawn(owner_.loop(), start(),
                  net::bind_cancellation_slot(
                      stop_handler_.slot(),
                      [self = shared_from_this()](std::exception_ptr failed, response made) {
                          self->handler_done(std::move(failed), std::move(made));
                      }));
}

void session::handler_done(std::exception_ptr failed, response made)
{
    if (phase_ != phase::answering)
        return; // closed meanwhile
    if (failed)
        made = answer_to(failed, reader_.get());
    respond(std::move(made));
    if (!advancing_)
        watch_.end(owner_.counts());
    advance();
}

// Its answer is not wanted any more. It is told to end, and may yet read its request.
void session::abandon_handler()
{
    owner_.request_ends();
    if (incoming_)
        incoming_->cut();
    stop_coroutine();
}

// In a turn of its own, for it may be the coroutine that has come here: of one that is cancelled
// before it has ever waited Asio lets an exception out into the loop, for co_spawn itself waits
// once more before it tells of its end (Boost 1.81, co_spawn_entry_point). No other is begun any
// more.
void session::stop_coroutine()
{
    net::post(owner_.loop(), [self = shared_from_this()] {
        self->stop_handler_.emit(net::cancellation_type::terminal);
    });
}

// ---- answers ------------------------------------------------------------------------------------

void session::respond(response&& made)
{
    auto const& asked = reader_.get();
    owner_.request_ends();
    if (!is_sendable(made)) {
        report(asked, "the response has a status or a field that cannot be sent");
        made = status(500);
    }
    bool const is_whole = reader_.is_complete(); // else its rest has no place in the connection
    bool const streams = made.stream && has_body(made.status);
    client_closes_ = !reader_.keep_alive() && is_whole;
    response_frame frame;
    frame.http_1_0 = reader_.is_http_1_0();
    frame.keep_alive =
        reader_.keep_alive() && is_whole && !owner_.is_draining() && !asks_to_close(made);
    frame.head_only = asked.method_name == "HEAD";
    frame.until_close = made.events || (streams && frame.http_1_0);
    frame.chunked = streams && !frame.until_close;
    tell_of(made.status, frame.head_only ? 0 : made.body.size());
    append(out_, made, frame, owner_.date());
    spare_fields::take_back_all(made.fields);
    reader_.next();
    routed_ = false;
    incoming_.reset();
    awaited_ = waiting_for::nothing;
    kept_ = frame.keep_alive && !frame.until_close;
    if (made.events && !frame.head_only)
        begin_streaming(std::move(made));
    else if (streams && !frame.head_only)
        begin_sending(std::move(made), frame.chunked);
    else
        phase_ = kept_ ? phase::reading : phase::closing;
}

// Of a handler that is late nothing more is wanted. Its coroutine may go on, and read the request:
// this is the connection's last answer, and no other request takes the place of that one.
void session::give_up_handler()
{
    report(reader_.get(), "the handler has not answered in " +
                              std::to_string(owner_.bounds().handler_timeout.count()) + " ms");
    refuse({503, limit::handler_time});
    advance();
}

void session::refuse(denial why)
{
    owner_.hits().count(why.met);
    auto const made = status(why.status);
    response_frame frame;
    frame.keep_alive = false;
    frame.head_only = reader_.get().method_name == "HEAD";
    append(out_, made, frame, owner_.date());
    tell_of_refusal(why, frame.head_only ? 0 : made.body.size());
    if (std::exchange(phase_, phase::closing) == phase::answering)
        abandon_handler();
}

void session::begin_streaming(response made)
{
    phase_ = phase::streaming;
    events_ = std::move(made.events);
    events_->on_news([weak = weak_from_this()] {
        if (auto const self = weak.lock())
            self->pump();
    });
    in_.clear();
    read(); // nothing is expected but the client's end
    if (owner_.is_draining())
        phase_ = phase::closing;
}

// Moves the stream's news to the client, when it has taken what it was given before.
void session::pump()
{
    if (phase_ != phase::streaming)
        return;
    if (events_->is_cut()) {
        owner_.hits().count(limit::event_backlog);
        log::debug("an event stream's client does not read: cut off");
        return close();
    }
    if (unsent() > 0)
        return;
    events_->take(out_);
    if (events_->is_ended())
        phase_ = phase::closing;
    flush();
    if (phase_ == phase::streaming)
        events_->hold(unsent());
    set_deadline();
}

// ---- writing ------------------------------------------------------------------------------------

void session::flush()
{
    while (unsent() > 0 && !write_outstanding_) {
        error_code failed;
        auto const wrote = socket_.write_some({out_.data() + sent_, unsent()}, failed);
        if (failed == net::error::would_block)
            return wait_writable();
        if (failed)
            return close();
        sent_ += wrote;
        if (awaited_ == waiting_for::writing)
            awaited_ = waiting_for::nothing; // progress: a new deadline
    }
    if (outgoing_ && !is_behind())
        outgoing_->has_room();
    if (unsent() > 0)
        return;
    if (out_.capacity() > out_bytes_kept)
        out_ = {};
    out_.clear();
    sent_ = 0;
    if (phase_ == phase::closing)
        finish();
}

void session::wait_writable()
{
    write_outstanding_ = true;
    if (socket_.watch_writing(*this))
        close_soon();
}

void session::writable()
{
    write_outstanding_ = false;
    if (phase_ != phase::streaming)
        return advance();
    flush();
    if (phase_ == phase::streaming && unsent() == 0) {
        events_->hold(0);
        pump();
    }
    set_deadline();
}

// The last answer is with the kernel. Closing with bytes unread would make TCP reset the
// connection and the client lose the answer, so say "end" and read on until the client does, for a
// while; unless it has said that nothing more comes.
void session::finish()
{
    events_.reset();
    if (input_ended_ || (client_closes_ && in_.empty()))
        return close();
    error_code failed;
    socket_.end_sending(failed);
    if (failed)
        return close();
    phase_ = phase::lingering;
    in_.clear();
    read();
}

// Of a socket that cannot be watched, where its owner is at work with it.
void session::close_soon()
{
    net::post(owner_.loop(), [self = shared_from_this()] { self->close(); });
}

void session::close()
{
    auto const before = std::exchange(phase_, phase::closed);
    if (before == phase::closed)
        return;
    auto const self = shared_from_this(); // the server may hold the last other one
    socket_.close(*this);
    events_.reset();
    if (before == phase::answering)
        abandon_handler();
    if (before == phase::sending) {
        outgoing_->cut();
        stop_coroutine();
    }
    owner_.closed(self);
}

// ---- reading ------------------------------------------------------------------------------------

void session::read()
{
    if (read_outstanding_ || input_ended_)
        return;
    read_outstanding_ = true;
    if (socket_.may_hold_more())
        net::post(owner_.loop(), [self = shared_from_this()] { self->ready({.to_read = true}); });
    else if (socket_.watch_reading(*this))
        close_soon();
}

void session::readable()
{
    error_code failed;
    auto const bytes = socket_.read_some(in_.room(), failed);
    if (failed == net::error::would_block)
        return;
    read_outstanding_ = false;
    if (failed && failed != net::error::eof)
        return close();
    received(bytes, failed == net::error::eof);
}

void session::ready(client_watch::readiness now)
{
    auto const self = shared_from_this(); // the server may hold the last other one
    socket_.told(now);
    if (now.to_write && write_outstanding_)
        writable();
    if (now.to_read && read_outstanding_ && phase_ != phase::closed)
        readable();
}

void session::received(std::size_t bytes, bool ended)
{
    input_ended_ = ended;
    in_.received(bytes);
    switch (phase_) {
    case phase::reading:
        if (reader_.in_body())
            awaited_ = waiting_for::nothing; // progress: a new deadline
        return advance();
    case phase::answering: // a body in pieces
        awaited_ = waiting_for::nothing;
        if (incoming_ && incoming_->is_waited_for())
            pull_body();
        return;
    case phase::streaming:
    case phase::lingering:
        // An event stream's client that ends its side is gone: browsers say it no other way.
        in_.clear();
        lingered_ += bytes;
        if (lingered_ > owner_.bounds().linger_bytes_max) {
            owner_.hits().count(limit::linger);
            return close();
        }
        if (ended)
            return close();
        return read();
    default:
        return; // read while streaming, now closing: finish() will read on
    }
}

} // namespace covey::http
