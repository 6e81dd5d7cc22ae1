#include "body_streams.hpp"

#include "session.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <covey/protocol/log.hpp>
#include <covey/protocol/thrown.hpp>

namespace covey::http {

using boost::system::error_code;

namespace {

constexpr std::size_t bytes_ahead = 64 << 10; // of a writer, in the session

[[noreturn]] void throw_cut()
{
    throw boost::system::system_error{net::error::connection_aborted};
}

} // namespace

net::awaitable<void> turn_of_events::wait()
{
    error_code cancelled; // is how it happens
    co_await timer_.async_wait(net::redirect_error(net::use_awaitable, cancelled));
}

net::awaitable<std::string_view> incoming_body::read()
{
    taken_.clear();
    for (;;) {
        if (cut_)
            throw_cut();
        if (come_.empty() && !ended_)
            from_.want_body();
        if (!come_.empty()) {
            std::swap(taken_, come_);
            co_return taken_;
        }
        if (ended_)
            co_return std::string_view{};
        if (!cut_)
            co_await news_.wait();
    }
}

void incoming_body::come(std::string& bytes)
{
    if (come_.empty())
        std::swap(come_, bytes);
    else
        come_ += bytes;
    bytes.clear();
    waits_ = waits_ && come_.empty();
    news_.happens();
}

void incoming_body::end()
{
    ended_ = true;
    waits_ = false;
    news_.happens();
}

void incoming_body::cut()
{
    cut_ = true;
    waits_ = false;
    news_.happens();
}

net::awaitable<void> outgoing_body::write(std::string_view bytes)
{
    if (!cut_ && !bytes.empty())
        to_.send_piece(bytes);
    while (!cut_ && to_.is_behind())
        co_await room_.wait();
    if (cut_)
        throw_cut();
}

void outgoing_body::cut()
{
    cut_ = true;
    room_.happens();
}

// ---- the session's part of it -------------------------------------------------------------------

// The handler has used up what has come. That is also the moment to tell a client that asked that
// its body is wanted.
void session::want_body()
{
    if (reader_.wants_continue() && reader_.body_bytes() == 0 && in_.empty() &&
        !incoming_->is_waited_for()) {
        out_ += go_on;
        flush();
    }
    if (phase_ == phase::answering)
        pull_body();
}

void session::pull_body()
{
    while (incoming_->is_empty() && !incoming_->has_ended()) {
        auto bytes = in_.unused();
        auto const progress = reader_.read(bytes);
        in_.used(in_.unused().size() - bytes.size());
        if (progress == request_reader::progress::refused) {
            refuse(reader_.refusal());
            return advance();
        }
        if (auto& here = reader_.get().body_text; !here.empty())
            incoming_->come(here);
        if (progress == request_reader::progress::complete)
            incoming_->end();
        else if (incoming_->is_empty())
            break;
    }
    if (incoming_->is_empty() && !incoming_->has_ended()) {
        if (input_ended_) // the rest will not come
            return close();
        incoming_->is_waited_for(true);
        read();
    }
    set_deadline();
}

void session::begin_sending(response made, bool chunked)
{
    phase_ = phase::sending;
    outgoing_.emplace(owner_.loop(), *this, std::move(made.stream), chunked);
    net::co_spawn(owner_.loop(), outgoing_->run(),
                  net::bind_cancellation_slot(
                      stop_handler_.slot(), [self = shared_from_this()](std::exception_ptr failed) {
                          self->sent_all(std::move(failed));
                      }));
}

void session::send_piece(std::string_view bytes)
{
    if (outgoing_->is_chunked())
        append_chunk(out_, bytes);
    else
        out_ += bytes;
    flush();
    if (phase_ == phase::sending)
        set_deadline();
}

bool session::is_behind() const
{
    return unsent() > bytes_ahead;
}

void session::sent_all(std::exception_ptr failed)
{
    if (phase_ != phase::sending)
        return; // closed meanwhile
    if (failed) {
        log::error("a streamed response is cut off: " + protocol::words_of(failed));
        return close();
    }
    if (outgoing_->is_chunked())
        out_ += last_chunk;
    phase_ = kept_ && !owner_.is_draining() ? phase::reading : phase::closing;
    outgoing_.reset();
    advance();
}

} // namespace covey::http
