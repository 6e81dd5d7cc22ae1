// histogram_snapshot: a histogram's numbers at one moment, to ask questions of. A plain value.
#pragma once

#include "histogram_scale.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace covey {

class histogram_snapshot
{
  public:
    // Empty.
    explicit histogram_snapshot(histogram_scale scale = {});

    histogram_scale const& scale() const { return scale_; }
    std::vector<std::uint64_t> const& counts() const { return counts_; } // by bucket

    std::uint64_t count() const;

    // The sum of the numbers themselves, not of their buckets; wraps at 64 bits.
    std::uint64_t sum() const { return sum_; }

    // The greatest number of the bucket in which the share `part` (0 to 1) of all is reached: never
    // less than the true quantile, and above it by a bucket's width at most. None when empty.
    std::optional<std::uint64_t> quantile(double part) const;

    // As if its numbers had been recorded here too. Throws std::invalid_argument when the scales
    // differ.
    void merge(histogram_snapshot const& other);

    void add(std::uint64_t bucket, std::uint64_t count) { counts_[bucket] += count; }
    void add_sum(std::uint64_t more) { sum_ += more; }

  private:
    histogram_scale scale_;
    std::vector<std::uint64_t> counts_;
    std::uint64_t sum_ = 0;
};

} // namespace covey
