// rate_limiter: so many a second, for all workers together.
//
// One word: the moment at which all that was granted will have been earned (the generic cell rate
// algorithm). Taking is one compare-and-swap, so no death leaves anything behind, and no worker can
// hold a part of the rate. The moment is on the machine's monotonic clock and does not depend on
// the rate: a program that is reloaded with another rate goes on with it. Announces nothing.
#pragma once

#include "field.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace covey {

struct rate
{
    std::uint32_t events;          // at least 1
    std::chrono::nanoseconds each; // in so much time; more than 0
    std::uint32_t burst = 0;       // at once after a rest; 0: `events`
};

struct rate_answer
{
    bool granted = false;
    std::chrono::nanoseconds retry_after{0}; // when not granted: earlier it is in vain
    explicit operator bool() const { return granted; }
};

class rate_limiter : public field
{
  public:
    using time_point = std::chrono::steady_clock::time_point;

    // Throws std::invalid_argument when the rate has no events or no time.
    rate_limiter(state& owner, std::string name, rate allowed);

    // All `much` of them or none. More than the burst is never granted.
    rate_answer take(std::uint32_t much = 1)
    {
        return take(much, std::chrono::steady_clock::now());
    }

    // As if it were `now`.
    rate_answer take(std::uint32_t much, time_point now);

  private:
    std::chrono::nanoseconds per_event_;
    std::chrono::nanoseconds tolerance_; // the burst, as time
};

} // namespace covey
