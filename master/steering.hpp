// steering: which sockets of a reuseport group the kernel chooses among for a new connection.
//
// A classic BPF program on the group (SO_ATTACH_REUSEPORT_CBPF, which needs no rights) draws one of
// the attended sockets. It knows them by their place in the kernel's array: the order in which they
// began to listen, as long as none of them is closed, for the last one would take its place.
// A handshake that has begun stays with the socket it began on, whatever is steered meanwhile.
#pragma once

#include <covey/protocol/handle.hpp>
#include <vector>

namespace covey::supervision {

// `attended` has an entry for every socket of the group, in their order, and one at least is true.
// False when the kernel does not take the program: then it goes on as it did.
bool steer(handle const& any_of_group, std::vector<bool> const& attended);

} // namespace covey::supervision
