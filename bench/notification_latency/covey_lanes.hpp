// covey_lanes: covey's own ways for a change, each run a cluster of a sender and its receivers.
#pragma once

#include "lane.hpp"

namespace covey::bench {

outcome run_covey_lane(run made, std::chrono::milliseconds limit, scratch const& files);

// Whether these words are those that run_covey_lane starts this program with, for the cluster's
// master and its workers; and what main returns then.
bool is_covey_lane(int argc, char const* const* argv);
int be_covey_lane(int argc, char const* const* argv);

// The payloads that a covey lane can be asked for, in bytes: rows are types.
std::vector<std::uint32_t> const& covey_payloads();

} // namespace covey::bench
