#include "instructions.hpp"

#include "perf_event.hpp"

#include <array>
#include <harness_process_tree.hpp>
#include <string_view>
#include <system_error>
#include <unistd.h>

namespace covey::bench {

namespace {

handle open_counter(pid_t thread, bool of_kernel)
{
    perf_event_attr wanted{};
    wanted.type = PERF_TYPE_HARDWARE;
    wanted.config = PERF_COUNT_HW_INSTRUCTIONS;
    wanted.inherit = 1;
    wanted.exclude_hv = 1;
    wanted.exclude_user = of_kernel ? 1 : 0;
    wanted.exclude_kernel = of_kernel ? 0 : 1;
    wanted.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    return open_event(wanted, thread);
}

// The counters take turns when the processor has too few: what was counted stands for all the time.
double sum_of(std::vector<handle> const& counters)
{
    double sum = 0;
    for (auto const& each : counters) {
        std::array<std::uint64_t, 3> told{}; // count, time enabled, time running
        if (::read(each.get(), told.data(), sizeof told) == sizeof told && told[2] > 0)
            sum += static_cast<double>(told[0]) * static_cast<double>(told[1]) /
                   static_cast<double>(told[2]);
    }
    return sum;
}

} // namespace

instruction_counter::instruction_counter(std::vector<pid_t> const& processes)
{
    for (auto const thread : threads_of(processes)) {
        user_.push_back(open_counter(thread, false));
        kernel_.push_back(open_counter(thread, true));
    }
}

instruction_counter::count instruction_counter::read() const
{
    return {sum_of(user_), sum_of(kernel_)};
}

std::string why_no_instructions()
{
    try {
        instruction_counter const tried{{::getpid()}};
        return {};
    } catch (std::system_error const& failed) {
        return failed.what();
    }
}

} // namespace covey::bench
