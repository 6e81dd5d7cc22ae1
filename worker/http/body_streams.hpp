// body_streams: the two ends that a session gives to coroutines: a body that comes, and one that
// goes (streams.hpp). One reader and one writer each, on the loop's thread.
//
// Lifetime: in the session, which the coroutine's completion holds. What has been cut off throws
// from then on.
#pragma once

#include "streams.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace covey::http {

class session;

// The answer to a client that waits for leave to send its body.
inline constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

// A moment that a coroutine waits for.
class turn_of_events
{
  public:
    explicit turn_of_events(net::io_context& loop)
        : timer_{loop, net::steady_timer::time_point::max()}
    {}
    net::awaitable<void> wait();
    void happens() { timer_.cancel(); }

  private:
    net::steady_timer timer_;
};

class incoming_body final : public request_body
{
  public:
    incoming_body(net::io_context& loop, session& from)
        : from_{from}
        , news_{loop}
    {}
    net::awaitable<std::string_view> read() override;

    // ---- the session's side ----
    void come(std::string& bytes); // takes them
    void end();                    // all has come
    void cut();                    // nothing more will
    bool is_empty() const { return come_.empty(); }
    bool has_ended() const { return ended_; }
    bool is_cut() const { return cut_; }
    bool is_waited_for() const { return waits_; }
    void is_waited_for(bool waits) { waits_ = waits; }

  private:
    session& from_;
    turn_of_events news_;
    std::string come_;
    std::string taken_; // what the reader has
    bool ended_ = false;
    bool cut_ = false;
    bool waits_ = false;
};

class outgoing_body final : public response_body
{
  public:
    outgoing_body(net::io_context& loop, session& to, std::shared_ptr<stream_writer const> writer,
                  bool chunked)
        : to_{to}
        , room_{loop}
        , writer_{std::move(writer)}
        , chunked_{chunked}
    {}
    net::awaitable<void> write(std::string_view bytes) override;
    net::awaitable<void> run() { return writer_->write(*this); }

    // ---- the session's side ----
    void has_room() { room_.happens(); }
    void cut();
    bool is_chunked() const { return chunked_; }

  private:
    session& to_;
    turn_of_events room_;
    std::shared_ptr<stream_writer const> writer_;
    bool chunked_;
    bool cut_ = false;
};

} // namespace covey::http
