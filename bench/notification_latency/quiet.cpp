#include "quiet.hpp"

#include "sending.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <fstream>
#include <numeric>
#include <sys/resource.h>
#include <unistd.h>

namespace covey::bench {

namespace {

// What this process and those of its descendants that have been waited for have used.
double own_seconds()
{
    double out = 0;
    for (auto const whose : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
        rusage used{};
        ::getrusage(whose, &used);
        for (auto const& time : {used.ru_utime, used.ru_stime})
            out += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
    return out;
}

// Of all CPUs' time between two looks: what was spent, less what was ours.
double others_percent(cpu_time const& before, cpu_time const& after, double ours_seconds)
{
    auto const all = static_cast<double>(after.all - before.all);
    if (all == 0)
        return 0;
    auto const busy = all - static_cast<double>(after.idle - before.idle);
    auto const ours = ours_seconds * static_cast<double>(::sysconf(_SC_CLK_TCK));
    return std::max(0.0, 100 * (busy - ours) / all);
}

double busy_percent_while_idle()
{
    auto const before = cpu_time::now();
    sleep_until_ns(now_ns() + 500'000'000);
    return others_percent(before, cpu_time::now(), 0);
}

double load_of_last_minute()
{
    double out = 0;
    std::ifstream{"/proc/loadavg"} >> out;
    return out;
}

} // namespace

// The first line of /proc/stat: user nice system idle iowait irq softirq steal.
cpu_time cpu_time::now()
{
    std::ifstream stat{"/proc/stat"};
    std::string word;
    std::array<std::uint64_t, 8> ticks{};
    stat >> word;
    for (auto& each : ticks)
        stat >> each;
    return {std::accumulate(ticks.begin(), ticks.end(), std::uint64_t{0}), ticks[3] + ticks[4]};
}

quiet_watch::quiet_watch()
    : load_{load_of_last_minute()}
    , others_percent_{busy_percent_while_idle()}
    , start_{cpu_time::now()}
    , own_start_seconds_{own_seconds()}
{}

void quiet_watch::end()
{
    steal_percent_ = steal_.percent();
    others_percent_ =
        std::max(others_percent_, bench::others_percent(start_, cpu_time::now(),
                                                        own_seconds() - own_start_seconds_));
}

bool quiet_watch::is_quiet() const
{
    return steal_percent_ <= machine::steal_percent_quiet &&
           others_percent_ <= others_percent_quiet;
}

std::string quiet_watch::verdict() const
{
    return fmt::format("{}: steal {:.1f} %, others used {:.0f} % of the CPUs, load {:.2f} before{}",
                       is_quiet() ? "quiet" : "NOISY", steal_percent_, others_percent_, load_,
                       is_quiet() ? "" : ": these figures are not to be quoted");
}

} // namespace covey::bench
