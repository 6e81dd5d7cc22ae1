// steps: how many instructions of its own a server spends on a request, counted one by one.
//
// Every thread of it is led from instruction to instruction (ptrace(2)) while it answers requests
// that have come together. That needs no counter in the processor, is not disturbed by others, and
// gives the same figure twice; a call of the kernel is one step. Nothing else is measured so: it is
// a thousand times slower.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace covey::bench {

struct stepped_load
{
    std::uint16_t port = 0;
    std::string target = "/";
    unsigned connections = 32; // a request on each, all at once
};

// Instructions a request. Throws runtime_error when the processes cannot be traced.
double steps_per_request(std::vector<pid_t> const& processes, stepped_load const& wanted);

} // namespace covey::bench
