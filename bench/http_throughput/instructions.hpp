// instructions: how many of them the processor has carried out for a server's processes, in their
// own code and in the kernel, where the machine counts them (perf_event_open(2)).
#pragma once

#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace covey::bench {

class instruction_counter
{
  public:
    struct count
    {
        double user = 0;
        double kernel = 0;
    };

    // Begins to count for every thread there is now of `processes`, and those they start. Throws
    // system_error where that cannot be: see why_none().
    explicit instruction_counter(std::vector<pid_t> const& processes);

    count read() const; // since it was made

  private:
    std::vector<handle> user_;
    std::vector<handle> kernel_;
};

// Why nothing can be counted here; empty when it can.
std::string why_no_instructions();

} // namespace covey::bench
