// restart_limit: how many failures a cluster may have in a period before restarting is given up,
// and the story of them. Pure.
#pragma once

#include "options.hpp"

#include <chrono>
#include <deque>
#include <string>

namespace covey::supervision {

class restart_limit
{
  public:
    using time_point = std::chrono::steady_clock::time_point;

    explicit restart_limit(restart_options const& options)
        : intensity_{options.intensity}
        , period_{options.period}
    {}

    // One more failure, told by its `obituary`. True when there are too many.
    bool count(time_point now, std::string obituary);

    // A line for each failure of the period, oldest first, and how long ago it was; last words are
    // indented below.
    std::string history(time_point now) const;

    void clear() { failures_.clear(); }

  private:
    struct failure
    {
        time_point at;
        std::string obituary;
    };

    std::uint32_t intensity_;
    std::chrono::milliseconds period_;
    std::deque<failure> failures_;
};

} // namespace covey::supervision
