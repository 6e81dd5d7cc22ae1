// harness_process_tree: what /proc says about a server's processes: who they are, the CPU time they
// have had, the memory they hold.
#pragma once

#include <cstdint>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace covey::bench {

// The processes that `parent` has started and that are there now.
std::vector<pid_t> children_of(pid_t parent);

// `root` and everything below it.
std::vector<pid_t> tree_of(pid_t root);

// Those of all of them that are there now. Throws std::filesystem_error for who has gone.
std::vector<pid_t> threads_of(std::vector<pid_t> const& processes);

// Whether `signal` is in a set of /proc/PID/status: "SigPnd", "SigCgt". Not when it is not there.
bool has_signal(pid_t process, std::string_view set, int signal);

// What the scheduler has given to all their threads. A process that has gone counts as nothing.
std::int64_t cpu_ns(std::vector<pid_t> const& processes);

// Proportional set size (proc(5), smaps) without covey's segment, which is a memfd: pages that n
// processes map count for 1/n in each. Throws runtime_error when the process is not there.
double pss_kib(pid_t process);

} // namespace covey::bench
