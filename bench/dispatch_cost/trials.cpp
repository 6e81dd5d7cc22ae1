#include "trials.hpp"

#include "handles.hpp"
#include "respawn.hpp"

#include <chrono>
#include <harness_process_tree.hpp>
#include <thread>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;

std::vector<double> idle_memory(kind const& which, scratch const& notes)
{
    auto const started = start(which, worker_count, notes);
    std::this_thread::sleep_for(200ms); // until it is idle
    std::vector<double> out;
    for (auto const each : started.workers())
        out.push_back(pss_kib(each));
    return out;
}

std::vector<double> times(std::int64_t count, std::function<double()> const& take)
{
    std::vector<double> out;
    while (count-- > 0)
        out.push_back(take());
    return out;
}

} // namespace

std::vector<trial> make_trials(std::int64_t handles, std::int64_t kills, scratch const& notes)
{
    kind const covey{"covey", "least_loaded"};
    kind const nginx{"nginx", "reuseport"};
    kind const node{"node", "round_robin"};
    auto const memory_of = [&notes](kind const& which) {
        return [which, &notes] { return idle_memory(which, notes); };
    };
    auto const passed = [handles](double (*pass)(std::int64_t)) {
        return [=]() -> std::vector<double> { return {pass(handles)}; };
    };
    return {
        {"pass-covey", "handles/s", "pass-raw", covey, passed(pass_covey)},
        {"pass-node", "handles/s", "pass-raw", node, passed(pass_node)},
        {"pass-raw", "handles/s", "", covey, passed(pass_raw)},
        {"respawn-covey", "us", "respawn-bare", covey,
         [kills, &notes] { return times(kills, [&] { return replacement_us(notes); }); }},
        {"respawn-bare", "us", "", covey, [kills] { return times(kills, small_program_us); }},
        {"memory-covey", "KiB", "memory-nginx", covey, memory_of(covey)},
        {"memory-nginx", "KiB", "", nginx, memory_of(nginx)},
        {"memory-node", "KiB", "", node, memory_of(node)},
    };
}

} // namespace covey::bench
