#include "watchdog.hpp"

#include <algorithm>

namespace covey::supervision {

namespace {

using namespace std::chrono_literals;

// Four looks within the time, so that a hang is noticed at most a quarter late.
watchdog::milliseconds interval_for(watchdog::milliseconds hang_timeout, bool samples_wanted)
{
    if (hang_timeout > 0ms)
        return std::clamp<watchdog::milliseconds>(hang_timeout / 4, 1ms, 1s);
    return samples_wanted ? 1s : 0s;
}

} // namespace

watchdog::watchdog(milliseconds hang_timeout, bool samples_wanted)
    : hang_timeout_{hang_timeout}
    , interval_{interval_for(hang_timeout, samples_wanted)}
{}

void watchdog::watch(time_point now, std::uint64_t id)
{
    if (interval_ == 0ms)
        return;
    watched_.try_emplace(id);
    if (!look_at_)
        look_at_ = now + interval_;
}

void watchdog::forget(std::uint64_t id)
{
    watched_.erase(id);
    if (watched_.empty())
        look_at_.reset();
}

bool watchdog::sampled(time_point now, std::uint64_t id, sample const& seen)
{
    auto const at = watched_.find(id);
    if (at == watched_.end())
        return false;
    auto& [last, turned_at] = at->second;
    bool const turned = !last || last->beats != seen.beats;
    bool const idle_twice = !turned && !last->is_busy() && !seen.is_busy();
    if (turned || !seen.is_busy())
        turned_at = now;
    bool const hangs = hang_timeout_ > 0ms && now - turned_at >= hang_timeout_;
    last = seen;
    if (idle_twice || hangs)
        forget(id);
    return hangs;
}

bool watchdog::tick(time_point now)
{
    if (!look_at_ || now < *look_at_)
        return false;
    if (now - *look_at_ > interval_)
        slept();
    look_at_ = now + interval_;
    return true;
}

void watchdog::slept()
{
    for (auto& [id, one] : watched_)
        one.last.reset();
}

} // namespace covey::supervision
