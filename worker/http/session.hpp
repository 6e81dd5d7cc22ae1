// session: one HTTP/1 connection: read, handle, write, in that order, for as long as both want.
//
// Requests are answered in the order they came; while one waits for its handler nothing more is
// read, so that the kernel's buffers hold a client back. Answers that are ready together leave in
// one write. Asio never keeps a pointer into the output: a full socket is waited for, then written
// to, so answers may be appended at any time.
//
// Lifetime: shared by the server and by what is outstanding (a read, a wait, a handler's
// coroutine). After close() nothing of it runs any more but the end of those.
#pragma once

#include "body_streams.hpp"
#include "client_socket.hpp"
#include "input_buffer.hpp"
#include "request_reader.hpp"
#include "router.hpp"
#include "server.hpp"
#include "stopwatch.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>

namespace covey::http {

class session : public std::enable_shared_from_this<session>, private client_watch::client
{
  public:
    session(handle connection, server& owner);

    // Answers at once what is there already; it may be closed when this returns.
    void start();
    void turn_away(denial why); // instead: answers that and ends
    void late();                // its deadline is over, unless it has moved since
    void part();                // its moment to end, while the server drains: unless it is at work
    void close();               // at once
    bool is_streaming() const { return phase_ == phase::streaming; }

    // In the server's row of deadlines.
    static constexpr std::size_t no_place = ~std::size_t{};
    void placed(std::size_t place) { place_ = place; }
    std::size_t place() const { return place_; }

  private:
    enum class phase {
        reading,   // between requests, or within one
        answering, // a handler's coroutine is at work; the body may still be coming
        sending,   // a streamed response's coroutine is at work
        streaming, // an event stream is the answer
        closing,   // the last answer is being written
        lingering, // it has been; the client's end is awaited
        closed,
    };
    // What the deadline is for.
    enum class waiting_for { nothing, request, head, body, handler, writing, client_end };

    void advance();
    bool step();
    bool meet_head();
    void answer();
    template <class Start>
    void await_handler(Start start);
    void abandon_handler();
    void stop_coroutine();
    void handler_done(std::exception_ptr failed, response made);
    void respond(response&& made);
    void give_up_handler();
    void refuse(denial why);
    void tell_of(unsigned status, std::size_t bytes);
    void tell_of_refusal(denial why, std::size_t bytes);
    void log_access(unsigned status, std::size_t bytes, std::chrono::nanoseconds took);
    void begin_streaming(response made);
    void begin_sending(response made, bool chunked);
    void sent_all(std::exception_ptr failed);

    // ---- for the bodies that coroutines read and write ----
    friend class incoming_body;
    friend class outgoing_body;
    void want_body();
    void pull_body();
    void send_piece(std::string_view bytes);
    bool is_behind() const; // so much is unsent that a writer shall wait

    void pump();
    void flush();
    void wait_writable();
    void writable();
    void finish();
    void close_soon();
    void read();
    void readable();
    void ready(client_watch::readiness now) override;
    void received(std::size_t bytes, bool ended);
    void set_deadline();
    void wait_until(server::clock::time_point when);
    bool end_idle();
    std::size_t unsent() const { return out_.size() - sent_; }

    server& owner_;
    client_socket socket_;
    input_buffer in_;
    request_reader reader_;
    router::match route_; // of the request being read or answered
    std::string out_;
    std::size_t sent_ = 0; // of out_
    std::shared_ptr<event_sink> events_;
    stopwatch watch_;
    std::optional<std::string> client_;     // its address, once a log has asked
    std::optional<incoming_body> incoming_; // of the request that is being answered
    std::optional<outgoing_body> outgoing_; // of the response that is being sent
    phase phase_ = phase::reading;
    waiting_for awaited_ = waiting_for::nothing;
    std::size_t place_ = no_place;
    server::clock::time_point deadline_;
    server::clock::time_point body_began_;
    server::clock::time_point awaited_since_;
    net::cancellation_signal stop_handler_; // asks the coroutine at work to end
    std::size_t lingered_ = 0;              // bytes dropped while lingering
    bool advancing_ = false;
    bool read_outstanding_ = false;
    bool write_outstanding_ = false;
    bool input_ended_ = false;
    bool client_closes_ = false; // it said so: nothing more will come
    bool routed_ = false;        // route_ is of the request in the reader
    bool kept_ = false;          // after the response that is being sent
    bool held_back_ = false;     // nothing is read until the client has taken answers
    bool body_is_slow_ = false;  // the deadline is the body's rate's, not its pauses'
};

} // namespace covey::http
