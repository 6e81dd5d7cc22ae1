// steps: how many instructions of its own a server spends on a request, counted one by one.
//
// Every thread of its workers is led from instruction to instruction (ptrace(2)) while they answer
// requests that have come together. That needs no counter in the processor, is not disturbed by
// others, and gives nearly the same figure twice; a call of the kernel is one step. It is a
// thousand times slower, so what a worker does by the clock and not by the request counts for more
// than it is.
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
