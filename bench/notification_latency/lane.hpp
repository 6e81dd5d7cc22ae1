// lane: a way for a change to get from one process to others, and one run of it.
//
//   direct        covey: state, ring and doorbell; receivers sleep in their loop
//   direct-busy   the same, while all look for changes all the time (--busy-poll)
//   direct-http   as direct; the receiver answers 10,000 HTTP requests a second meanwhile
//   socket        covey: the change is relayed by the master over the workers' channels
//   raw-eventfd   shared memory, an eventfd each in an epoll: the least that wakes
//   raw-spin      the same memory, and receivers that look at it all the time
//   futex         the same memory, and a futex
//   pipe, unix    one pipe, one stream socket; an epoll before each read
//   raw-socket    three processes and two stream sockets, A > M > B: the least that relays
//   cache-line    two processes that pass a cache line to and fro: half of there and back
//   redis-pubsub, redis-stream, postgres, node, shared_dict   the peers
#pragma once

#include "latency_histogram.hpp"
#include "run.hpp"

#include <chrono>
#include <cstdint>
#include <harness_scratch.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace covey::bench {

// What a run left.
struct outcome
{
    distribution arrival;        // of all receivers, from when a change was due
    distribution in_hand;        // until the value was read, where the lane tells
    distribution last_arrival;   // until the last of several receivers was told
    distribution writing;        // what making a change took the sender
    distribution late;           // from when a change was due until the sender made it
    std::int64_t elapsed_ns = 0; // from the first change made to the last one received
    std::uint64_t events = 0;
    std::uint64_t conflated = 0;
    std::uint64_t resyncs = 0;
    // How often the receivers went to sleep, all together (voluntary_ctxt_switches); none where the
    // bench does not know them.
    std::optional<std::uint64_t> sleeps;
};

struct lane
{
    std::string_view name;
    std::string_view baseline; // empty: none
    bool flat_out = true;      // whether it can be asked for as many as go
    bool payloads = true;      // whether its changes may be of any size
    bool slow = false;         // so that a tenth of the changes is enough without a rate
    bool has_board = true;     // whether its processes are known to the bench (board.hpp)
    // What is not here that it needs; empty: nothing. Starts a peer's server.
    std::string (*missing)(scratch const& files) = [](scratch const&) { return std::string{}; };
    // Throws runtime_error when the run fails or does not end within `limit`.
    outcome (*make)(run made, std::chrono::milliseconds limit, scratch const& files) = nullptr;
};

std::vector<lane> const& lanes();
lane const& lane_of(std::string_view name);

} // namespace covey::bench
