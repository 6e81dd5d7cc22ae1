// listener: one address clients connect to, and the listening sockets bound to it.
//
// One socket, or with the reuseport policy one for each seat. All of them belong to the master for
// as long as the cluster accepts, those of seats that are scaled away too: closing the last
// descriptor of a listening socket resets what waits in it, and every handshake that has begun
// there. A seat that nobody serves is left out by the kernel instead.
#pragma once

#include "unix_socket_path.hpp"

#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace covey::supervision {

inline constexpr int backlog = 4096; // the kernel cuts it to net.core.somaxconn

class listener
{
  public:
    // Binds and listens; sockets are non-blocking and close-on-exec. `seats` above 0 asks for a
    // group: that many sockets on the one port (SO_REUSEPORT), which no other program may have; a
    // unix address always has one. Throws start_error. Blocks while a host name is looked up.
    explicit listener(std::string const& address, std::uint32_t seats = 0);

    // Takes over a socket that listens already; `asked` is how it was asked for. Throws start_error
    // when it is no listening stream socket.
    listener(std::string const& asked, handle inherited);

    // With the real port: "127.0.0.1:40123", "[::1]:8080", "unix:/run/x.sock".
    std::string const& address() const { return address_; }

    // Sees to it that each of so many seats has a socket of its own, when this is a group. Where
    // the kernel has none to give, seats beyond those there are share their siblings' from then on.
    void grow(std::uint32_t seats);

    // Whose index in sockets() it is: the seat's own, or the sibling's whose it shares.
    std::size_t index_for(std::uint32_t seat) const { return seat % sockets_.size(); }
    shared_handle const& socket_for(std::uint32_t seat) const { return sockets_[index_for(seat)]; }

    std::span<shared_handle const> sockets() const { return sockets_; }

    // New connections go to the attended ones only, if one is; an entry for each of sockets().
    // Without effect where the kernel cannot do it.
    void steer(std::vector<bool> const& attended);

  private:
    std::string address_;
    std::vector<shared_handle> sockets_;
    unix_socket_path path_;
    bool grows_ = false;
    std::vector<bool> steered_; // what the kernel was told last; empty: nothing
};

} // namespace covey::supervision
