// conduct: takes a run whose processes write to a board from warm-up to its end.
#pragma once

#include "board.hpp"
#include "lane.hpp"

#include <chrono>
#include <functional>
#include <harness_child.hpp>
#include <vector>

namespace covey::bench {

// The processes must be on their way; they live until the caller ends them. Throws runtime_error
// when one of them has ended, or the run has not within `limit`.
outcome conduct(board& shared, run const& made, std::vector<child> const& processes,
                std::chrono::milliseconds limit);

// Called with every run's sender and receivers between warm-up and measuring; what it returns is
// called after the last change. For whoever counts what they do.
using witness = std::function<std::function<void()>(std::vector<pid_t> const&)>;
void set_witness(witness sees);

} // namespace covey::bench
