// poll_odds: whether looking for changes before one sleeps is worth it, by the times that lay
// between the last ones: those shorter than the budget are found by looking, or would have been.
//
// Looking pays while more than a quarter of them are. It costs a CPU for the budget where it finds
// nothing; where it finds something it saves a sleep and a wake-up here, and a system call of the
// writer's. Pure; a handful of either kind turns it.
#pragma once

#include <algorithm>
#include <chrono>

namespace covey {

class poll_odds
{
  public:
    explicit poll_odds(std::chrono::nanoseconds budget)
        : budget_{budget}
    {}

    // News have come, so long after the last ones.
    void news_after(std::chrono::nanoseconds gap)
    {
        score_ = std::clamp(score_ + (gap < budget_ ? 3 : -1), 0, 2 * even);
    }

    bool pays() const { return budget_.count() > 0 && score_ >= even; }

  private:
    static constexpr int even = 16;
    std::chrono::nanoseconds budget_;
    int score_ = even; // it begins by looking
};

} // namespace covey
