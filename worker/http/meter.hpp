// meter: counts what a worker's HTTP does into its words of the segment, for /metrics of any
// worker.
//
// Every count is a relaxed load and store on lines of this worker's own. Without a segment, as in a
// test of a server alone, it counts into words of its own.
#pragma once

#include "metric_words.hpp"

#include <chrono>
#include <covey/shm/statistics.hpp>
#include <cstdint>
#include <memory>
#include <string_view>

namespace covey::http {

class meter
{
  public:
    meter();
    // Counts from the lane's present numbers on; the segment outlives the meter.
    explicit meter(shm::statistics_lane lane)
        : words_{lane.data()}
    {}

    void opened(std::uint64_t connections) { add(metric_words::connections_opened, connections); }

    // A final response, whoever made it.
    void answered(std::string_view method, unsigned status)
    {
        add(metric_words::request_word(metric_words::method_index(method),
                                       metric_words::code_index(status)));
    }

    // `requests` of them took so long, each.
    void took(std::chrono::nanoseconds each, std::uint64_t requests)
    {
        auto const count = static_cast<std::uint64_t>(each.count());
        add(metric_words::durations + metric_words::duration_bucket(count), requests);
        add(metric_words::duration_sum, count * requests);
    }

    // Refused before any handler saw it.
    void rejected(denial why) { add(metric_words::rejected_word(why)); }

    // For who counts on threads of its own, by locked additions.
    shm::word& log_dropped() { return words_[metric_words::log_dropped]; }
    shm::word& access_log_dropped() { return words_[metric_words::access_log_dropped]; }

    std::uint64_t operator[](std::size_t number) const
    {
        return words_[number].load(std::memory_order_relaxed);
    }

  private:
    void add(std::size_t number, std::uint64_t much = 1) { shm::count(words_[number], much); }

    std::unique_ptr<shm::word[]> own_; // without a segment
    shm::word* words_;
};

} // namespace covey::http
