#include "limits.hpp"

#include "limit_hits.hpp"

#include <array>

namespace covey::http {

namespace {

struct range
{
    char const* name;
    std::uint64_t value;
    std::uint64_t least;
    std::uint64_t most;
    char const* unit;
};

std::string wrong_with(range const& given)
{
    return "http limits: " + std::string{given.name} + " is " + std::to_string(given.value) +
           given.unit + "; it must be from " + std::to_string(given.least) + " to " +
           std::to_string(given.most) + given.unit;
}

constexpr std::uint64_t gibibyte = 1 << 30;
constexpr std::uint64_t week_ms = 7ull * 24 * 3600 * 1000;

} // namespace

std::string limits::validate() const
{
    auto const ms = [](std::chrono::milliseconds time) {
        return static_cast<std::uint64_t>(time.count()); // below 0: out of every range
    };
    std::array const ranges{
        range{"target_bytes_max", target_bytes_max, 1, gibibyte, " bytes"},
        range{"head_bytes_max", head_bytes_max, 64, gibibyte, " bytes"},
        range{"fields_max", fields_max, 1, 1'000'000, ""},
        range{"body_bytes_max", body_bytes_max, 0, 1024 * gibibyte, " bytes"},
        range{"streamed_bytes_max", streamed_bytes_max, 0, UINT64_MAX, " bytes"},
        range{"chunk_extension_bytes_max", chunk_extension_bytes_max, 0, gibibyte, " bytes"},
        range{"chunk_size_digits_max", chunk_size_digits_max, 1, 16, ""},
        range{"trailer_bytes_max", trailer_bytes_max, 0, gibibyte, " bytes"},
        range{"body_bytes_per_second_min", body_bytes_per_second_min, 1, gibibyte, " bytes"},
        range{"unsent_bytes_max", unsent_bytes_max, 1, 1024 * gibibyte, " bytes"},
        range{"linger_bytes_max", linger_bytes_max, 0, gibibyte, " bytes"},
        range{"in_flight_max", in_flight_max, 1, UINT32_MAX, ""},
        range{"connections_max", connections_max, 1, UINT32_MAX, ""},
        range{"tick", ms(tick), 1, 60'000, " ms"},
        range{"head_timeout", ms(head_timeout), 1, week_ms, " ms"},
        range{"body_timeout", ms(body_timeout), 1, week_ms, " ms"},
        range{"handler_timeout", ms(handler_timeout), 0, week_ms, " ms"},
        range{"idle_timeout", ms(idle_timeout), 1, week_ms, " ms"},
        range{"write_timeout", ms(write_timeout), 1, week_ms, " ms"},
        range{"linger_timeout", ms(linger_timeout), 0, week_ms, " ms"},
        range{"drain_idle_timeout", ms(drain_idle_timeout), 0, week_ms, " ms"},
        range{"drain_linger_timeout", ms(drain_linger_timeout), 0, week_ms, " ms"},
    };
    for (auto const& each : ranges)
        if (each.value < each.least || each.value > each.most)
            return wrong_with(each);
    if (target_bytes_max > head_bytes_max)
        return "http limits: target_bytes_max is above head_bytes_max, of which it is a part; "
               "raise head_bytes_max";
    return {};
}

std::string_view name(limit which)
{
    switch (which) {
    case limit::target_bytes:
        return "target_bytes";
    case limit::head_bytes:
        return "head_bytes";
    case limit::fields:
        return "fields";
    case limit::body_bytes:
        return "body_bytes";
    case limit::chunk_extension_bytes:
        return "chunk_extension_bytes";
    case limit::chunk_size_digits:
        return "chunk_size_digits";
    case limit::trailer_bytes:
        return "trailer_bytes";
    case limit::head_time:
        return "head_time";
    case limit::body_time:
        return "body_time";
    case limit::body_rate:
        return "body_rate";
    case limit::handler_time:
        return "handler_time";
    case limit::idle_time:
        return "idle_time";
    case limit::write_time:
        return "write_time";
    case limit::linger:
        return "linger";
    case limit::unsent_bytes:
        return "unsent_bytes";
    case limit::in_flight:
        return "in_flight";
    case limit::connections:
        return "connections";
    case limit::event_backlog:
        return "event_backlog";
    case limit::none:
        break;
    }
    return "none";
}

} // namespace covey::http
