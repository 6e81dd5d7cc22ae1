// result: what all rounds of one case came to: a line of the report.
#pragma once

#include "latency_histogram.hpp"

#include <cstdint>
#include <harness.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace covey::bench {

struct result
{
    std::string name;
    std::string unit; // "us", "ns", or "changes/s": then there is no distribution
    std::string baseline;
    std::vector<double> rounds; // each one's median, or rate
    std::vector<double> p99s;   // each one's, in `unit`
    distribution all;
    std::uint64_t events = 0;
    std::uint64_t conflated = 0;
    std::uint64_t resyncs = 0;
    std::optional<std::uint64_t> sleeps; // of the receivers
    std::optional<double> sender_calls;  // system calls a change
    std::optional<double> receiver_calls;

    void take(distribution const& round);
    void take_rate(double per_second);

    double in_unit(std::int64_t nanoseconds) const;
    std::optional<double> sleeps_per_event() const;
};

result const* find(std::vector<result> const& all, std::string_view name);

// The same as the harness has it, for its tables and JSON. A baseline that was not measured is
// none.
std::vector<finding> findings_of(std::vector<result> const& all);

} // namespace covey::bench
