// cluster_status: what a master answers when it is asked how things are.
#pragma once

#include "worker_ref.hpp"

#include <cstdint>
#include <string>

namespace covey {

// One seat at a glance: the worker that serves, or else the one that is coming or going.
struct worker_status
{
    std::uint32_t seat = 0;
    worker_state state = worker_state::none;
    std::uint64_t id = 0; // of that worker, or of the last one
    std::uint32_t generation = 0;
    std::int64_t pid = 0;              // 0: no process
    std::uint64_t starts = 0;          // how many workers this seat has had
    std::uint32_t unacknowledged = 0;  // connections passed and not yet taken over
    std::uint64_t changes_dropped = 0; // not relayed to this seat: its channel was full
};

// What became of a reload.
struct verdict
{
    bool done = false;            // every worker has been replaced; else the old ones go on
    std::uint32_t generation = 0; // that serves now
    std::string text;             // why not: several lines, the failing worker's last words in them
};

} // namespace covey
