// harness_server: an HTTP server with workers, on a port of 127.0.0.1 of its own.
#pragma once

#include "harness_peer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace covey::bench {

class server
{
  public:
    // Starts it and waits until `GET /` is answered with hello_body and that many workers are
    // there. `name` is for the error. Throws runtime_error when it does not come up.
    server(std::string const& name, std::uint16_t port, std::string path,
           std::vector<std::string> words, unsigned workers);

    std::uint16_t port() const { return port_; }
    std::vector<pid_t> processes() const; // its whole tree
    std::vector<pid_t> workers() const;   // its children

  private:
    void wait_until_up(unsigned workers) const;

    std::uint16_t port_;
    peer_program process_;
};

} // namespace covey::bench
