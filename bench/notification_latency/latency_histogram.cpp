#include "latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace covey::bench {

namespace {

constexpr unsigned linear_bits = 11;
static_assert(latency_histogram::linear == 1U << linear_bits);

std::uint64_t clamped(std::int64_t nanoseconds)
{
    constexpr std::int64_t most = (std::int64_t{1} << latency_histogram::bits_most) - 1;
    return static_cast<std::uint64_t>(std::clamp<std::int64_t>(nanoseconds, 0, most));
}

// A number of more than 11 bits is known by its length and its highest 11 bits.
std::size_t bucket_of(std::int64_t nanoseconds)
{
    auto const number = clamped(nanoseconds);
    if (number < latency_histogram::linear)
        return number;
    auto const shift = static_cast<unsigned>(std::bit_width(number)) - linear_bits;
    auto const half = latency_histogram::linear / 2;
    return latency_histogram::linear + (shift - 1) * half + ((number >> shift) - half);
}

} // namespace

void latency_histogram::record(std::int64_t nanoseconds)
{
    counts_[bucket_of(nanoseconds)].fetch_add(1, std::memory_order_relaxed);
    auto const seen = static_cast<std::int64_t>(clamped(nanoseconds));
    for (auto most = most_.load(std::memory_order_relaxed);
         seen > most && !most_.compare_exchange_weak(most, seen, std::memory_order_relaxed);)
        ;
}

std::int64_t latency_histogram::highest_of(std::size_t bucket)
{
    if (bucket < linear)
        return static_cast<std::int64_t>(bucket);
    auto const half = linear / 2;
    auto const shift = (bucket - linear) / half + 1;
    auto const high = (bucket - linear) % half + half;
    return static_cast<std::int64_t>(((high + 1) << shift) - 1);
}

void distribution::add(latency_histogram const& seen)
{
    counts_.resize(latency_histogram::buckets);
    for (std::size_t i = 0; i != counts_.size(); ++i) {
        auto const times = seen.counts_[i].load(std::memory_order_relaxed);
        counts_[i] += times;
        count_ += times;
    }
    most_ = std::max(most_, seen.most_.load(std::memory_order_relaxed));
}

void distribution::add(distribution const& other)
{
    if (other.counts_.empty())
        return;
    counts_.resize(latency_histogram::buckets);
    for (std::size_t i = 0; i != counts_.size(); ++i)
        counts_[i] += other.counts_[i];
    count_ += other.count_;
    most_ = std::max(most_, other.most_);
}

void distribution::add(std::int64_t nanoseconds)
{
    counts_.resize(latency_histogram::buckets);
    ++counts_[bucket_of(nanoseconds)];
    ++count_;
    most_ = std::max(most_, static_cast<std::int64_t>(clamped(nanoseconds)));
}

std::int64_t distribution::percentile(double share) const
{
    auto const rank = static_cast<std::uint64_t>(
        std::max(1.0, std::ceil(share * static_cast<double>(count_) - 1e-6)));
    std::uint64_t passed = 0;
    for (std::size_t i = 0; i != counts_.size(); ++i)
        if ((passed += counts_[i]) >= rank)
            return std::min(latency_histogram::highest_of(i), most_);
    return most_;
}

double distribution::mean() const
{
    double sum = 0;
    for (std::size_t i = 0; i != counts_.size(); ++i)
        sum +=
            static_cast<double>(counts_[i]) * static_cast<double>(latency_histogram::highest_of(i));
    return count_ == 0 ? 0 : sum / static_cast<double>(count_);
}

double distribution::deviation() const
{
    auto const middle = mean();
    double sum = 0;
    for (std::size_t i = 0; i != counts_.size(); ++i) {
        auto const off = static_cast<double>(latency_histogram::highest_of(i)) - middle;
        sum += static_cast<double>(counts_[i]) * off * off;
    }
    return count_ == 0 ? 0 : std::sqrt(sum / static_cast<double>(count_));
}

std::uint64_t distribution::count_to(std::int64_t nanoseconds) const
{
    if (counts_.empty())
        return 0;
    std::uint64_t out = 0;
    for (std::size_t i = 0; i <= bucket_of(nanoseconds); ++i)
        out += counts_[i];
    return out;
}

} // namespace covey::bench
