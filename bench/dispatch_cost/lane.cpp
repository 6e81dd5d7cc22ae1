#include "lane.hpp"

#include "trials.hpp"

#include <harness_load.hpp>
#include <harness_process_tree.hpp>

namespace covey::bench {

namespace {

constexpr unsigned load_processes = 2;
constexpr unsigned connections = 64; // of all of them, at a time

std::string with(std::string const& baseline, std::string const& suffix)
{
    return baseline.empty() ? "" : baseline + suffix;
}

series named(contender const& one, std::string const& suffix, std::string unit)
{
    return {
        .name = one.name + suffix, .unit = std::move(unit), .baseline = with(one.baseline, suffix)};
}

} // namespace

std::vector<contender> const& contenders()
{
    static std::vector<contender> const all{
        {"reuseport", {"covey", "reuseport"}, "nginx-reuseport"},
        {"shared", {"covey", "shared"}, "nginx-shared"},
        {"least_loaded", {"covey", "least_loaded"}, "reuseport"},
        {"round_robin", {"covey", "round_robin"}, "node-round_robin"},
        {"hash", {"covey", "hash"}, "least_loaded"},
        {"nginx-reuseport", {"nginx", "reuseport"}, ""},
        {"nginx-shared", {"nginx", "shared"}, ""},
        {"node-round_robin", {"node", "round_robin"}, ""},
        {"node-none", {"node", "none"}, ""},
    };
    return all;
}

lane::lane(contender const& one, scratch const& notes)
    : running_{bench::start(one.which, worker_count, notes)}
    , rate_{named(one, "", "conn/s")}
    , first_{named(one, "-first", "us")}
    , cpu_{named(one, "-cpu", "us/conn")}
{}

void lane::take_round(std::chrono::milliseconds length)
{
    auto const processes = running_.processes();
    auto const before = cpu_ns(processes);
    auto const many = apply({.port = running_.port(),
                             .processes = load_processes,
                             .connections = connections / load_processes,
                             .warm_up = length / 4,
                             .length = length});
    auto const spent = cpu_ns(processes) - before;
    rate_.rounds.push_back({many.per_second});
    cpu_.rounds.push_back({static_cast<double>(spent) / 1e3 / static_cast<double>(many.all)});
    auto const one_by_one =
        apply({.port = running_.port(), .warm_up = length / 16, .length = length / 4});
    first_.rounds.push_back(one_by_one.first_byte_us);
}

} // namespace covey::bench
