#include "rate_limiter.hpp"

#include "detail/participant_core.hpp"
#include "lanes.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace covey {

using std::chrono::nanoseconds;

rate_limiter::rate_limiter(state& owner, std::string name, rate allowed)
    : field{owner, {.name = std::move(name), .kind = field_kind::rate_limiter, .row_type = "time"}}
    , per_event_{allowed.events == 0 ? nanoseconds{0} : allowed.each / allowed.events}
    , tolerance_{per_event_ * (allowed.burst == 0 ? allowed.events : allowed.burst)}
{
    if (per_event_ <= nanoseconds{0})
        throw std::invalid_argument{"field " + this->name() +
                                    ": a rate is at least one event, a nanosecond or more each"};
}

rate_answer rate_limiter::take(std::uint32_t much, time_point now)
{
    auto& me = who();
    auto& earned = shm::shared_word_of(*me.memory, places());
    auto const at = now.time_since_epoch();
    auto const cost = per_event_ * much;
    if (cost > tolerance_)
        return {.granted = false, .retry_after = nanoseconds::max()};
    auto seen = earned.load(std::memory_order_relaxed);
    while (true) {
        // What was earned before now is not saved up.
        auto const until = std::max(nanoseconds{static_cast<std::int64_t>(seen)}, at) + cost;
        if (until - at > tolerance_)
            return {.granted = false, .retry_after = until - at - tolerance_};
        if (earned.compare_exchange_weak(seen, static_cast<std::uint64_t>(until.count()),
                                         std::memory_order_relaxed))
            return {.granted = true, .retry_after = nanoseconds{0}};
    }
}

} // namespace covey
