// recycling: when a worker has served long enough and a fresh one should take its place. Pure.
#pragma once

#include "options.hpp"
#include "sample.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace covey::supervision {

// One worker's own limits: the cluster's, less up to a tenth, so that workers which were started
// together do not leave together. 0, or none: no limit.
struct recycle_limits
{
    std::uint64_t requests = 0;
    std::uint64_t memory_bytes = 0;
    std::optional<std::chrono::milliseconds> age; // since it was ready

    bool are_passed_by(sample const& seen) const;
};

// `random` gives numbers in [0, 1).
recycle_limits draw_limits(recycle_options const& from, std::function<double()> const& random);

// True when workers must be sampled for it; age needs a clock only.
bool needs_samples(recycle_options const& from);

} // namespace covey::supervision
