// syscalls: which calls of the kernel a server makes for a request, while others put a load on it.
//
// Counted by the kernel's tracepoints where those can be had (root, and tracefs), else by strace.
// That one makes a server so slow that its clients are always faster: a read that finds nothing,
// because the client has not answered yet, is hardly ever seen then.
#pragma once

#include <functional>
#include <harness_scratch.hpp>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace covey::bench {

// `load` puts it on and returns how many requests have been answered. Calls a request, by name.
// Throws runtime_error when strace cannot attach, system_error when a thread cannot be counted.
std::map<std::string, double> syscalls_per_request(std::vector<pid_t> const& processes,
                                                   std::function<double()> const& load,
                                                   scratch const& notes);

// How they are counted here; empty when they cannot be.
std::string how_calls_are_counted();

} // namespace covey::bench
