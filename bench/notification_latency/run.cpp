#include "run.hpp"

#include <chrono>
#include <sched.h>

namespace covey::bench {

std::int64_t now_ns()
{
    return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
}

void pin_to_cpu(unsigned nth)
{
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    for (unsigned cpu = 0; cpu != CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed) || nth-- != 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        ::sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

void pin_to_cpu_of(std::uint32_t place)
{
    cpu_set_t allowed;
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    auto const cpus = static_cast<unsigned>(CPU_COUNT(&allowed));
    if (cpus > 1)
        pin_to_cpu(place == sender_place ? 0 : 1 + (place - 1) % (cpus - 1));
}

} // namespace covey::bench
