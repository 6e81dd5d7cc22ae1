// trials: what is measured of processes, beside the connections: handles passed, a worker replaced,
// memory held.
#pragma once

#include "server.hpp"

#include <cstdint>
#include <functional>
#include <harness_scratch.hpp>
#include <string>
#include <vector>

namespace covey::bench {

inline constexpr unsigned worker_count = 2; // of every server

struct trial
{
    std::string name;
    std::string unit;
    std::string baseline;
    kind needs;                                   // left out when it is not installed
    std::function<std::vector<double>()> measure; // a round of it
};

// `handles` are passed and `kills` workers killed in a round. `notes` outlives them.
std::vector<trial> make_trials(std::int64_t handles, std::int64_t kills, scratch const& notes);

} // namespace covey::bench
