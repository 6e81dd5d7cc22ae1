// aims: what is wanted of covey against a peer measured in the same rounds. A series of unit "x",
// one quotient a round, for each aim whose two sides have been measured.
#pragma once

#include <harness.hpp>
#include <vector>

namespace covey::bench {

//   aim-reuseport      reuseport / nginx's better mode, connections a second    at least 1
//   aim-least_loaded   least_loaded / reuseport, connections a second           at least 0.75
//   aim-node           least_loaded / node-round_robin, connections a second    at least 3
//   aim-handles        pass-covey / pass-node                                   at least 10
//   aim-respawn        p99 of respawn-covey / p99 of respawn-bare, one figure   at most 10
std::vector<series> aims(std::vector<series> const& measured);

} // namespace covey::bench
