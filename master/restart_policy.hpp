// restart_policy: how one seat's next worker is delayed by how its last ones ended. Pure: lives in,
// a wait out; no clock, no randomness of its own.
//
//   exit code 78              never again
//   died before it was ready  back-off: 100 ms, doubling to 10 s
//   exit code 75              the same: it asks for it
//   died after it was ready   at once, and the back-off begins anew
//
// A worker that becomes ready and dies, over and over, would fork without end by the last rule. So
// lives after ready are paid for: each death costs credit_per_death, each life earns its length,
// and a seat without credit backs off too. The purse holds free_deaths: whoever kills workers by
// hand or by test does not empty it, a crash loop does within seconds.
#pragma once

#include "options.hpp"

#include <chrono>
#include <cstdint>
#include <optional>

namespace covey::supervision {

inline constexpr std::chrono::milliseconds credit_per_death{200};

struct past_life
{
    bool was_ready = false;
    std::chrono::milliseconds ready_for{0};
    std::optional<int> exit_code; // nullopt when a signal ended it
};

class restart_history
{
  public:
    explicit restart_history(restart_options options = {})
        : options_{options}
        , credit_{credit_max()}
    {}

    // Takes one more life in. How long to wait before the next worker; nullopt: start none.
    // `random` in [0, 1) takes up to a quarter off a back-off, so that seats that failed together
    // do not try again together.
    std::optional<std::chrono::milliseconds> after(past_life const& life, double random);

    // In a row. Not 0: the last one was a failure, and its replacement waits for that.
    std::uint32_t failures() const { return failures_; }

  private:
    bool failed(past_life const& life);
    std::chrono::milliseconds credit_max() const { return options_.free_deaths * credit_per_death; }

    restart_options options_;
    std::chrono::milliseconds credit_;
    std::uint32_t failures_ = 0;
};

} // namespace covey::supervision
