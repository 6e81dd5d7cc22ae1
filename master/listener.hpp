// listener: one address clients connect to, and the listening sockets bound to it.
//
// One socket, or with the reuseport policy one for each seat. All of them belong to the master for
// as long as the cluster accepts: a queue of connections outlives the worker that was to accept
// them, because closing the last descriptor of a listening socket resets what waits in it.
#pragma once

#include "unix_socket_path.hpp"

#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace covey::supervision {

inline constexpr int backlog = 4096; // the kernel cuts it to net.core.somaxconn

class listener
{
  public:
    // Binds and listens; sockets are non-blocking and close-on-exec. `sockets` above 1 asks for
    // that many sockets on the one port (SO_REUSEPORT), which no other program may have; a unix
    // address always has one. Throws start_error. Blocks while a host name is looked up.
    explicit listener(std::string const& address, std::uint32_t sockets = 1);

    // Takes over a socket that listens already; `asked` is how it was asked for. Throws start_error
    // when it is no listening stream socket.
    listener(std::string const& asked, handle inherited);

    // With the real port: "127.0.0.1:40123", "[::1]:8080", "unix:/run/x.sock".
    std::string const& address() const { return address_; }

    // The seat's own socket. A seat that has none (the cluster has been scaled beyond what it
    // started with, or the seat was retired before) shares a sibling's.
    shared_handle const& socket_for(std::uint32_t seat) const;

    std::span<shared_handle const> sockets() const { return sockets_; }

    // The seat will have no worker any more: gives its own socket away, for what waits in it,
    // unless it is the last one. Empty when it has none.
    shared_handle take_seat(std::uint32_t seat);

  private:
    std::string address_;
    std::vector<shared_handle> sockets_;
    unix_socket_path path_;
};

} // namespace covey::supervision
