// perf_event: a counter of the kernel's for one thread.
#pragma once

#include <cerrno>
#include <covey/protocol/handle.hpp>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>

namespace covey::bench {

// Counts from now on; read(2) tells. Throws system_error where that cannot be.
inline handle open_event(perf_event_attr& wanted, pid_t thread)
{
    wanted.size = sizeof wanted;
    handle made{static_cast<int>(
        ::syscall(SYS_perf_event_open, &wanted, thread, -1, -1, PERF_FLAG_FD_CLOEXEC))};
    if (!made.is_open())
        throw std::system_error{errno, std::system_category(), "perf_event_open"};
    return made;
}

} // namespace covey::bench
