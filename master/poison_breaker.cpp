#include "poison_breaker.hpp"

#include <algorithm>

namespace covey::supervision {

std::vector<region> poison_breaker::add(time_point now, std::vector<repair_report> const& repairs)
{
    std::vector<region> out;
    for (auto const& one : repairs) {
        if (one.number <= seen_)
            continue;
        seen_ = one.number;
        auto& deaths = deaths_[one.where];
        deaths.push_back(now);
        while (deaths.front() + period < now)
            deaths.pop_front();
        if (deaths.size() <= deaths_max)
            continue;
        deaths.clear(); // counts anew once the quarantine has been ended
        if (std::find(out.begin(), out.end(), one.where) == out.end())
            out.push_back(one.where);
    }
    return out;
}

} // namespace covey::supervision
