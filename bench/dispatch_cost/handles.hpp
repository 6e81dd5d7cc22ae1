// handles: how many open sockets a second one process can hand to another.
//
//   raw     sendmsg with one descriptor, recvmsg, close; nobody says that it has arrived
//   covey   as master and worker do: a `connection` message each, `window` of them without an
//           acknowledgement, and an `accepted` for each
//   node    child.send(message, handle), as its cluster module does
//
// All pass the same listening socket over and over; the receiver closes what it gets. From the
// first one sent until the receiver has said that it has them all.
#pragma once

#include <cstdint>

namespace covey::bench {

// Throw runtime_error or system_error when one is lost.
double pass_raw(std::int64_t count);
double pass_covey(std::int64_t count);
double pass_node(std::int64_t count);

} // namespace covey::bench
