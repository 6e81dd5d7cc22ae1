// limit_hits: the limits of limits.hpp by name, and how often clients have met each.
//
// One count a server, on its one thread: plain numbers.
#pragma once

#include <array>
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
    none, // last
};
inline constexpr std::size_t limit_count = static_cast<std::size_t>(limit::none);

// As in the metric covey_limit_hits_total{limit="target_bytes"}.
std::string_view name(limit which);

class limit_hits
{
  public:
    void count(limit which)
    {
        if (which != limit::none)
            ++counts_[static_cast<std::size_t>(which)];
    }
    std::uint64_t of(limit which) const { return counts_.at(static_cast<std::size_t>(which)); }

  private:
    std::array<std::uint64_t, limit_count> counts_{};
};

// Why a request is not served: what it is answered with, and the limit that it met, if it was one.
struct denial
{
    unsigned status = 0; // 0: it is served
    limit met = limit::none;

    explicit operator bool() const { return status != 0; }
};

} // namespace covey::http
