// http_client: the client's end of an HTTP connection, as raw as a test wants it: bytes out,
// responses in, and what became of the connection. Blocks, up to the harness's patience.
#pragma once

#include "wait_until.hpp"

#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace covey::test {

struct http_response
{
    unsigned status = 0; // 0: the connection ended before a response
    std::string head;    // status line and header, lines ended by CRLF
    std::string body;

    std::string header(std::string_view name) const; // "" when absent
};

class http_client
{
  public:
    // Takes the end of a socket pair, or of a TCP connection.
    explicit http_client(handle connected);

    // A pair of connected sockets: the server's end first. Throws system_error.
    static std::pair<handle, http_client> unix_pair();
    static std::pair<handle, http_client> tcp_pair(); // over 127.0.0.1

    // Connected to a server on 127.0.0.1. Throws system_error.
    static http_client to_port(std::uint16_t port);

    // All of it; false when the peer is gone.
    bool send(std::string_view bytes);

    // The next response; a body as Content-Length says (none for HEAD), or, without one, until the
    // end of the connection. Interim 100s are responses too.
    http_response read(bool head_only = false);

    // Reads until `text` has come; false when the connection ended first.
    bool read_until(std::string_view text);

    // The next line without its end; none when the connection ended first.
    std::optional<std::string> read_line();

    // Every byte until the connection's end.
    std::string read_to_end();

    // True when the peer has ended its side and everything before that has been read.
    bool at_end();

    // The end that has been seen was a reset.
    bool was_reset() const { return reset_; }

    void end_sending(); // half-close
    void close();
    void abort(); // closes with a reset; TCP only

    std::string const& received() const { return received_; } // and not yet read as a response

  private:
    bool receive(); // some bytes more; false at the end
    handle socket_;
    std::string received_;
    bool ended_ = false;
    bool reset_ = false;
};

} // namespace covey::test
