#include "restart_policy.hpp"

#include <algorithm>
#include <covey/protocol/version.hpp>

namespace covey::supervision {

// True when the next worker must wait; does the book-keeping of credit.
bool restart_history::failed(past_life const& life)
{
    if (!life.was_ready)
        return true;
    if (life.ready_for >= options_.healthy_after) {
        failures_ = 0;
        credit_ = credit_max();
    }
    credit_ = std::min(credit_ + life.ready_for, credit_max());
    if (credit_ < credit_per_death)
        return true;
    credit_ -= credit_per_death;
    return life.exit_code == protocol::worker_exit::temporary;
}

std::optional<std::chrono::milliseconds> restart_history::after(past_life const& life,
                                                                double random)
{
    if (life.exit_code == protocol::worker_exit::fatal)
        return std::nullopt;
    if (!failed(life)) {
        failures_ = 0;
        return std::chrono::milliseconds{0};
    }
    // 20 doublings pass any sensible backoff_max; more would overflow.
    auto const doublings = std::min<std::uint32_t>(failures_++, 20);
    auto const wait =
        std::min(options_.backoff_min * (std::int64_t{1} << doublings), options_.backoff_max);
    return std::chrono::duration_cast<std::chrono::milliseconds>(wait * (1.0 - 0.25 * random));
}

} // namespace covey::supervision
