// descriptor_count: how many descriptors a process has open, by counting /proc/PID/fd. A leak test
// takes the count before and compares after; the descriptor used for counting is not counted.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <sys/types.h>
#include <unistd.h>

namespace covey::test {

// Of the process `pid`; throws filesystem_error when it is gone.
inline std::size_t descriptor_count(pid_t pid)
{
    std::filesystem::directory_iterator open{"/proc/" + std::to_string(pid) + "/fd"};
    auto const count = static_cast<std::size_t>(std::distance(begin(open), end(open)));
    return pid == ::getpid() ? count - 1 : count;
}

// Of this process.
inline std::size_t descriptor_count()
{
    return descriptor_count(::getpid());
}

} // namespace covey::test
