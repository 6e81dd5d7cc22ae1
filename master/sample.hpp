// sample: what the watchdog and recycling look at, read from a worker's block and from /proc.
#pragma once

#include <cstdint>

namespace covey::supervision {

struct sample
{
    std::uint64_t beats = 0;          // of its loop
    std::uint32_t connections = 0;    // that it has open
    std::uint32_t unacknowledged = 0; // that it has been passed
    std::uint64_t requests = 0;
    std::uint64_t resident_bytes = 0; // 0: not known

    bool is_busy() const { return connections > 0 || unacknowledged > 0; }
};

} // namespace covey::supervision
