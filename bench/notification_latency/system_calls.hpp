// system_calls: how many a change costs its sender and its receiver, counted by strace in runs of
// their own, since whoever is counted is slowed down.
#pragma once

#include "cases.hpp"
#include "result.hpp"

#include <harness_scratch.hpp>
#include <vector>

namespace covey::bench {

// Why it cannot be done here; empty: it can.
std::string cannot_count();

// Makes a run of each lane's case at the usual rate, and puts the counts into its result. What
// keeps a sender to its schedule is not counted: sleeping, and waiting in a loop.
void count_system_calls(std::vector<result>& into, std::vector<measured_case> const& cases,
                        scratch const& files);

} // namespace covey::bench
