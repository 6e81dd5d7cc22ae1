// limit_hits: the limits of limits.hpp by name, and how often clients have met each.
//
// One count a server, on its one thread: in words of its own, or in a worker's statistics, where
// all workers' are added up (metrics.hpp).
#pragma once

#include <array>
#include <atomic>
#include <covey/shm/statistics.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace covey::http {

enum class limit : std::uint8_t {
    target_bytes,
    head_bytes,
    fields,
    body_bytes,
    chunk_extension_bytes,
    chunk_size_digits,
    trailer_bytes,
    head_time,
    body_time,
    body_rate,
    handler_time,
    idle_time,
    write_time,
    linger,
    unsent_bytes,
    in_flight,
    connections,
    event_backlog, // of an event stream's client
    none,          // last; new ones come before it, behind all others (metric_words.hpp)
};
inline constexpr std::size_t limit_count = static_cast<std::size_t>(limit::none);

// As in the metric covey_limit_hits_total{limit="target_bytes"}.
std::string_view name(limit which);

class limit_hits
{
  public:
    limit_hits() = default;
    limit_hits(limit_hits const&) = delete;
    limit_hits& operator=(limit_hits const&) = delete;

    // From now on in these words, limit_count of them, which outlive this.
    void count_in(shm::word* words) { words_ = words; }

    void count(limit which)
    {
        if (which != limit::none)
            shm::count(words_[static_cast<std::size_t>(which)]);
    }
    std::uint64_t of(limit which) const
    {
        return which == limit::none
                   ? 0
                   : words_[static_cast<std::size_t>(which)].load(std::memory_order_relaxed);
    }

  private:
    std::array<shm::word, limit_count> own_{};
    shm::word* words_ = own_.data();
};

} // namespace covey::http
