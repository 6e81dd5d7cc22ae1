// available_memory: how much a new segment may take.
//
// Shared memory is allocated page by page: a request beyond what there is does not fail, it calls
// the kernel's OOM killer on somebody. So the segment asks first.
#pragma once

#include <cstdint>

namespace covey::shm {

// Bytes: the machine's MemAvailable (/proc/meminfo), or what this process's cgroup (version 2) has
// left, whichever is less. The largest number when neither can be read.
std::uint64_t available_memory();

} // namespace covey::shm
