// syscalls: which calls of the kernel a server makes for a request, counted by strace while others
// put a load on it. Both are slower then; how many calls a request takes changes little.
#pragma once

#include <functional>
#include <harness_scratch.hpp>
#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

namespace covey::bench {

// `load` puts it on and returns how many requests have been answered. Calls a request, by name.
// Throws runtime_error when strace cannot attach.
std::map<std::string, double> syscalls_per_request(std::vector<pid_t> const& processes,
                                                   std::function<double()> const& load,
                                                   scratch const& notes);

bool is_strace_installed();

} // namespace covey::bench
