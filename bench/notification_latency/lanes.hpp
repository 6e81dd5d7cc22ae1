// lanes: the ways a change can go, each as one call that makes one run of it.
//
//   direct        covey: state, ring and doorbell; the receiver sleeps in its loop
//   direct-busy   the same, while the receiver looks for changes all the time (--busy-poll)
//   socket        covey: the change is relayed by the master over the workers' channels
//   raw-eventfd   two processes, shared memory, an eventfd in an epoll: the least that wakes
//   raw-spin      the same memory, and a receiver that looks at it all the time
//   raw-socket    three processes and two stream sockets, A > M > B: the least that relays
#pragma once

#include "run.hpp"

#include <chrono>

namespace covey::bench {

// Makes the run and leaves the receiver's notes in made.file. Throws runtime_error when it fails,
// or does not end within `limit`.
void run_covey_lane(run const& made, std::chrono::milliseconds limit);
void run_raw_lane(run const& made, std::chrono::milliseconds limit);

// Whether these words are those that run_covey_lane starts this program with, for the cluster's
// master and its workers; and what main returns then.
bool is_covey_lane(int argc, char const* const* argv);
int be_covey_lane(int argc, char const* const* argv);

} // namespace covey::bench
