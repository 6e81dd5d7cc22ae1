// latency_histogram: how often each latency was seen, to three digits, in memory processes share.
//
// Log-linear, as HdrHistogram's: nanoseconds below 2048 have a bucket each, above that every
// doubling has 1024, so that a bucket is at most 0.1 % wide. A distribution is what one or more of
// them held, in this process.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace covey::bench {

class latency_histogram
{
  public:
    static constexpr std::uint64_t linear = 2'048; // buckets of a nanosecond
    static constexpr unsigned bits_most = 40;      // longer than 18 minutes counts as 18 minutes
    static constexpr std::size_t buckets = linear + (bits_most - 11) * linear / 2;

    // Any process, at any time. Below 0 counts as 0.
    void record(std::int64_t nanoseconds);

    // The highest number that falls into the bucket.
    static std::int64_t highest_of(std::size_t bucket);

  private:
    friend class distribution;
    std::array<std::atomic<std::uint32_t>, buckets> counts_{};
    std::atomic<std::int64_t> most_{0};
};

class distribution
{
  public:
    void add(latency_histogram const& seen);
    void add(distribution const& other);
    void add(std::int64_t nanoseconds);

    std::uint64_t count() const { return count_; }
    std::int64_t most() const { return most_; }

    // By nearest rank; `share` is above 0 and at most 1. 0 when nothing was seen.
    std::int64_t percentile(double share) const;

    double mean() const;
    double deviation() const;

    // Of the numbers up to and with `nanoseconds`' bucket: how many there are.
    std::uint64_t count_to(std::int64_t nanoseconds) const;

  private:
    std::vector<std::uint64_t> counts_; // empty, or as many as there are buckets
    std::uint64_t count_ = 0;
    std::int64_t most_ = 0;
};

} // namespace covey::bench
