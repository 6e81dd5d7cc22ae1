// watchdog: whose loop does not turn though there is something to do. Pure: samples and the time go
// in, who hangs comes out.
//
// A worker is watched from the moment it may have something to do until two samples in a row show
// that it has nothing and that its loop stands still; so an idle cluster needs no timer. When the
// master itself slept (stopped, or the machine suspended), everybody's beats stood still with it:
// then nobody is blamed for the time before.
#pragma once

#include "sample.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

namespace covey::supervision {

class watchdog
{
  public:
    using time_point = std::chrono::steady_clock::time_point;
    using milliseconds = std::chrono::milliseconds;

    // hang_timeout 0: nobody ever hangs. `samples_wanted`: looks come all the same, for recycling.
    watchdog(milliseconds hang_timeout, bool samples_wanted);

    void watch(time_point now, std::uint64_t id);
    void forget(std::uint64_t id);

    // True when this worker hangs; it is forgotten then.
    bool sampled(time_point now, std::uint64_t id, sample const& seen);

    // When to look at all who are watched; none when nobody is.
    std::optional<time_point> next() const { return look_at_; }

    // True when the time to look has come.
    bool tick(time_point now);

    // The master slept until now.
    void slept();

  private:
    struct watched
    {
        std::optional<sample> last;
        time_point turned_at{}; // or had nothing to do
    };

    milliseconds hang_timeout_;
    milliseconds interval_; // 0: never look
    std::optional<time_point> look_at_;
    std::map<std::uint64_t, watched> watched_;
};

} // namespace covey::supervision
