#include "lane.hpp"

#include "covey_lanes.hpp"
#include "floors.hpp"
#include "peers.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <harness_peer.hpp>
#include <stdexcept>
#include <thread>

namespace covey::bench {

namespace {

std::string missing_second_cpu(scratch const&)
{
    return std::thread::hardware_concurrency() < 2 ? "a second CPU" : "";
}

std::string missing_nginx(scratch const&)
{
    return missing_of_nginx_lua();
}

} // namespace

std::vector<lane> const& lanes()
{
    constexpr bool no = false;
    constexpr bool yes = true;
    static std::vector<lane> const all{
        {.name = "direct", .baseline = "raw-eventfd", .make = run_covey_lane},
        {.name = "direct-busy", .baseline = "raw-spin", .make = run_covey_lane},
        {.name = "direct-http",
         .baseline = "direct",
         .flat_out = no,
         .payloads = no,
         .make = run_covey_lane},
        {.name = "socket", .baseline = "raw-socket", .make = run_covey_lane},
        {.name = "cache-line",
         .baseline = "",
         .flat_out = no,
         .payloads = no,
         .has_board = no,
         .missing = missing_second_cpu,
         .make = run_cache_line},
        {.name = "raw-spin", .baseline = "", .make = run_memory_floor},
        {.name = "raw-eventfd", .baseline = "", .make = run_memory_floor},
        {.name = "futex", .baseline = "raw-eventfd", .make = run_memory_floor},
        {.name = "pipe", .baseline = "raw-eventfd", .make = run_stream_floor},
        {.name = "unix", .baseline = "raw-eventfd", .make = run_stream_floor},
        {.name = "raw-socket", .baseline = "", .make = run_stream_floor},
        {.name = "redis-pubsub",
         .baseline = "direct",
         .slow = yes,
         .missing = missing_redis,
         .make = run_redis},
        {.name = "redis-stream",
         .baseline = "direct",
         .slow = yes,
         .missing = missing_redis,
         .make = run_redis},
        {.name = "postgres",
         .baseline = "direct",
         .slow = yes,
         .missing = missing_notify,
         .make = run_postgres},
        {.name = "node",
         .baseline = "direct",
         .slow = yes,
         .has_board = no,
         .missing = missing_node,
         .make = run_node},
        {.name = "shared_dict",
         .baseline = "direct",
         .flat_out = no,
         .slow = yes,
         .has_board = no,
         .missing = missing_nginx,
         .make = run_shared_dict},
    };
    return all;
}

lane const& lane_of(std::string_view name)
{
    auto const found = std::find_if(lanes().begin(), lanes().end(),
                                    [&](auto const& one) { return one.name == name; });
    if (found == lanes().end())
        throw std::logic_error{fmt::format("no lane {}", name)};
    return *found;
}

} // namespace covey::bench
