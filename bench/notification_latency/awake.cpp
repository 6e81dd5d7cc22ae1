#include "awake.hpp"

#include "run.hpp"

#include <sched.h>
#include <thread>

namespace covey::bench {

std::vector<child> keep_cpus_awake()
{
    std::vector<child> out;
    for (unsigned cpu = 0; cpu != std::thread::hardware_concurrency(); ++cpu)
        out.emplace_back([cpu] {
            pin_to_cpu(cpu);
            sched_param const least{};
            ::sched_setscheduler(0, SCHED_IDLE, &least);
            for (;;)
                relax();
        });
    return out;
}

} // namespace covey::bench
