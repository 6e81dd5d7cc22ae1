// talk: the client's side of a connection that is kept: requests out, whole answers in.
#pragma once

#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace covey::bench {

std::string kept_request(std::string_view target); // GET, the least that HTTP/1.1 wants

class talk
{
  public:
    explicit talk(std::uint16_t port); // of 127.0.0.1; throws system_error

    void say(std::string_view request);

    // Receives once, waiting if nothing has come; how many answers are whole since the last call.
    // Throws runtime_error when one is not a 200 with a Content-Length, or the server has closed.
    unsigned hear();

    int socket() const { return socket_.get(); }

  private:
    handle socket_;
    std::string heard_; // of an answer that is not whole
};

} // namespace covey::bench
