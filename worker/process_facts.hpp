// process_facts: what the kernel tells of a process, this one or a sibling (proc(5)).
#pragma once

#include <cstdint>
#include <optional>

namespace covey {

struct process_facts
{
    double cpu_seconds = 0;   // user and system
    double start_seconds = 0; // of the wall clock, since 1970
    std::uint64_t resident_bytes = 0;
    std::uint64_t virtual_bytes = 0;
    std::uint64_t threads = 0;
    std::optional<std::uint64_t> descriptors = {}; // none: they are not for this user to see
};

// None when there is no such process. Opens three files of /proc; never waits.
std::optional<process_facts> facts_of_process(std::int64_t pid);

} // namespace covey
