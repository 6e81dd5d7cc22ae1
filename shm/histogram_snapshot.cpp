#include "histogram_snapshot.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace covey {

histogram_snapshot::histogram_snapshot(histogram_scale scale)
    : scale_{scale}
    , counts_(scale.buckets())
{}

std::uint64_t histogram_snapshot::count() const
{
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::optional<std::uint64_t> histogram_snapshot::quantile(double part) const
{
    auto const all = count();
    if (all == 0)
        return std::nullopt;
    auto const wanted = std::ceil(std::clamp(part, 0.0, 1.0) * static_cast<double>(all));
    // All of them for what the type of the rank may not hold.
    auto const rank = wanted >= static_cast<double>(all)
                          ? all
                          : std::max(static_cast<std::uint64_t>(wanted), std::uint64_t{1});
    std::uint64_t seen = 0;
    std::uint64_t bucket = 0;
    while ((seen += counts_[bucket]) < rank)
        ++bucket;
    return std::min(scale_.highest_of(bucket), scale_.highest);
}

void histogram_snapshot::merge(histogram_snapshot const& other)
{
    if (scale_ != other.scale_)
        throw std::invalid_argument{"histograms of different scales cannot be merged"};
    for (std::size_t bucket = 0; bucket != counts_.size(); ++bucket)
        counts_[bucket] += other.counts_[bucket];
    sum_ += other.sum_;
}

} // namespace covey
