// client_socket: a client's connection, which is watched only once it must be waited for.
//
// Most of what a short connection would cost here is being watched: entering the epoll set, leaving
// it, and the loop's turns between. When a connection comes to a worker its request is usually
// there already, and an answer usually fits into the socket: read, write, close, nothing else.
//
// Every call on the loop's thread. Nothing blocks, nothing raises SIGPIPE.
#pragma once

#include "client_watch.hpp"

#include <boost/system/error_code.hpp>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace covey::http {

class client_socket
{
  public:
    using error_code = boost::system::error_code;

    // `connection` is a connected stream socket, TCP or Unix. The watch outlives this.
    client_socket(client_watch& watch, handle connection)
        : watch_{watch}
        , connection_{std::move(connection)}
    {}

    // What is there or fits now. would_block when that is nothing; eof, of a read, when no more
    // will come.
    std::size_t read_some(std::span<char> into, error_code& failed);
    std::size_t write_some(std::string_view from, error_code& failed);

    // `who` is told from now on, until close(): of bytes; of room, too.
    error_code watch_reading(client_watch::client& who);
    error_code watch_writing(client_watch::client& who);

    // Whether there may be bytes of which nobody will be told any more.
    bool may_hold_more() const { return is_watched_ && !is_emptied_; }
    void told(client_watch::readiness now); // and has not read yet

    std::string peer() const;      // its numeric address; empty: of a Unix socket, or unknown
    std::size_t available() const; // bytes; 0 when that cannot be told
    void end_sending(error_code& failed);
    void close(client_watch::client const& who);

  private:
    client_watch& watch_;
    handle connection_;
    bool is_watched_ = false;
    bool watches_room_ = false;
    bool is_emptied_ = false; // what comes now is told of
    bool is_ended_ = false;   // the end is there already, behind what there is to be read
};

} // namespace covey::http
