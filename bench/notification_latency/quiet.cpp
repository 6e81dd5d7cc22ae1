#include "quiet.hpp"

#include "sending.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <fstream>
#include <numeric>

namespace covey::bench {

namespace {

// The first line of /proc/stat: user nice system idle iowait irq softirq steal, in ticks.
struct cpu_time
{
    std::uint64_t all = 0;
    std::uint64_t idle = 0;

    static cpu_time now()
    {
        std::ifstream stat{"/proc/stat"};
        std::string word;
        std::array<std::uint64_t, 8> ticks{};
        stat >> word;
        for (auto& each : ticks)
            stat >> each;
        return {std::accumulate(ticks.begin(), ticks.end(), std::uint64_t{0}), ticks[3] + ticks[4]};
    }
};

double busy_percent_while_idle()
{
    auto const before = cpu_time::now();
    sleep_until_ns(now_ns() + 500'000'000);
    auto const after = cpu_time::now();
    auto const all = static_cast<double>(after.all - before.all);
    return all == 0 ? 0 : 100 * (1 - static_cast<double>(after.idle - before.idle) / all);
}

double load_of_last_minute()
{
    double out = 0;
    std::ifstream{"/proc/loadavg"} >> out;
    return out;
}

} // namespace

quiet_watch::quiet_watch()
    : load_{load_of_last_minute()}
    , others_percent_{busy_percent_while_idle()}
{}

void quiet_watch::end()
{
    steal_percent_ = steal_.percent();
    others_percent_ = std::max(others_percent_, busy_percent_while_idle());
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
