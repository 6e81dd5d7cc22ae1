// client_socket: a client's connection, which the loop watches only once it must be waited for.
//
// Most of what a short connection would cost here is being watched: entering the epoll set, leaving
// it, and the loop's turns between. When a connection comes to a worker its request is usually
// there already, and an answer usually fits into the socket: read, write, close, nothing else.
//
// Every call on the loop's thread. Nothing blocks, nothing raises SIGPIPE.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace covey::http {

namespace net = boost::asio;

class client_socket
{
  public:
    using error_code = boost::system::error_code;

    // `connection` is a connected stream socket, TCP or Unix.
    client_socket(net::io_context& loop, handle connection)
        : connection_{std::move(connection)}
        , watched_{loop}
    {}

    // What is there or fits now. would_block when that is nothing; eof, of a read, when no more
    // will come.
    std::size_t read_some(std::span<char> into, error_code& failed);
    std::size_t write_some(std::string_view from, error_code& failed);

    // Completes as Asio's do. An error of being watched is one of the operation.
    template <class Handler>
    void async_read_some(std::span<char> into, Handler handler)
    {
        if (auto const failed = watch())
            return net::post(
                watched_.get_executor(),
                [failed, handler = std::move(handler)]() mutable { handler(failed, 0); });
        watched_.async_read_some(net::buffer(into.data(), into.size()), std::move(handler));
    }
    template <class Handler>
    void async_wait_writable(Handler handler)
    {
        if (auto const failed = watch())
            return net::post(watched_.get_executor(),
                             [failed, handler = std::move(handler)]() mutable { handler(failed); });
        watched_.async_wait(stream::wait_write, std::move(handler));
    }

    std::string peer() const;      // its numeric address; empty: of a Unix socket, or unknown
    std::size_t available() const; // bytes; 0 when that cannot be told
    void end_sending(error_code& failed);
    void close();

  private:
    // Generic: TCP and Unix sockets are one type here. A concrete executor: no type erasure on the
    // way of a request.
    using stream =
        net::basic_stream_socket<net::generic::stream_protocol, net::io_context::executor_type>;

    error_code watch();
    int number() const;

    handle connection_; // until it is watched; then `watched_` owns it
    mutable stream watched_;
};

} // namespace covey::http
