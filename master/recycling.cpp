#include "recycling.hpp"

#include <algorithm>

namespace covey::supervision {

namespace {

// At least 1, for 0 would mean "never".
std::uint64_t up_to_a_tenth_less(std::uint64_t limit, double random)
{
    if (limit == 0)
        return 0;
    auto const less = static_cast<std::uint64_t>(static_cast<double>(limit) * 0.1 * random);
    return std::max<std::uint64_t>(limit - less, 1);
}

} // namespace

bool recycle_limits::are_passed_by(sample const& seen) const
{
    return (requests > 0 && seen.requests >= requests) ||
           (memory_bytes > 0 && seen.resident_bytes >= memory_bytes);
}

recycle_limits draw_limits(recycle_options const& from, std::function<double()> const& random)
{
    recycle_limits out;
    out.requests = up_to_a_tenth_less(from.requests, random());
    out.memory_bytes = up_to_a_tenth_less(from.memory_bytes, random());
    if (from.age.count() > 0)
        out.age = std::chrono::milliseconds{static_cast<std::int64_t>(
            up_to_a_tenth_less(static_cast<std::uint64_t>(from.age.count()), random()))};
    return out;
}

bool needs_samples(recycle_options const& from)
{
    return from.requests > 0 || from.memory_bytes > 0;
}

} // namespace covey::supervision
