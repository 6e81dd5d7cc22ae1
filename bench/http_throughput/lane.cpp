#include "lane.hpp"

#include "idle.hpp"
#include "instructions.hpp"
#include "open_load.hpp"
#include "steps.hpp"
#include "syscalls.hpp"
#include "wrk.hpp"

#include <algorithm>
#include <harness_load.hpp>
#include <harness_process_tree.hpp>
#include <numeric>
#include <optional>
#include <utility>

namespace covey::bench {

namespace {

constexpr char const* floor_name = "epoll"; // whom the others are compared with
constexpr unsigned short_processes = 2;
constexpr unsigned short_connections = 64; // of all of them, at a time

double p99_of(std::vector<double> samples)
{
    auto const at = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() * 99 / 100);
    std::nth_element(samples.begin(), at, samples.end());
    return *at;
}

double memory_of(std::vector<pid_t> const& processes)
{
    return std::accumulate(processes.begin(), processes.end(), 0.0,
                           [](double sum, pid_t each) { return sum + pss_kib(each) * 1'024; });
}

} // namespace

std::vector<way> const& ways()
{
    static std::vector<way> const all{{"c64", 64, 1}, {"c256", 256, 1}, {"p16", 64, 16}};
    return all;
}

lane::lane(contender const& who, running_server const& where, errand const& what,
           lane_settings const& settings)
    : who_{who}
    , where_{where}
    , what_{what}
    , settings_{settings}
    , name_{who.name + "-" + what.name}
{}

series& lane::of(std::string const& suffix, std::string const& unit, std::string const& base)
{
    auto const name = name_ + "-" + suffix;
    auto const found = std::find_if(measured_.begin(), measured_.end(),
                                    [&](auto const& one) { return one.name == name; });
    if (found != measured_.end())
        return *found;
    auto baseline = base;
    if (base.empty() && who_.name != floor_name)
        baseline = std::string{floor_name} + "-" + what_.name + "-" + suffix;
    return measured_.emplace_back(series{.name = name, .unit = unit, .baseline = baseline});
}

void lane::note(std::string const& suffix, std::string const& unit, double figure)
{
    of(suffix, unit).rounds.push_back({figure});
}

void lane::take(way const& by)
{
    auto const processes = where_.processes();
    std::optional<instruction_counter> counter;
    if (settings_.counts_instructions && by.name == ways().front().name)
        counter.emplace(processes);
    auto const before = cpu_ns(processes);
    auto const made = apply(wrk_load{.port = where_.http.port(),
                                     .target = what_.target,
                                     .connections = by.connections,
                                     .pipelined = by.pipelined,
                                     .length = settings_.length});
    auto const spent = static_cast<double>(cpu_ns(processes) - before);
    note(by.name, "req/s", made.per_second);
    note(by.name + "-cpu", "us/req", spent / 1e3 / made.requests);
    if (!counter)
        return;
    auto const [user, kernel] = counter->read();
    note("user", "instr/req", user / made.requests);
    note("kernel", "instr/req", kernel / made.requests);
    note("instructions", "instr/req", (user + kernel) / made.requests);
}

void lane::take_short()
{
    auto const processes = where_.processes();
    auto const before = cpu_ns(processes);
    auto const made = apply(load{.port = where_.http.port(),
                                 .target = what_.target,
                                 .body = what_.body,
                                 .processes = short_processes,
                                 .connections = short_connections / short_processes,
                                 .warm_up = settings_.length / 8,
                                 .length = settings_.length});
    auto const spent = static_cast<double>(cpu_ns(processes) - before);
    note("short", "conn/s", made.per_second);
    note("short-cpu", "us/conn", spent / 1e3 / static_cast<double>(made.all));
}

std::vector<double> lane::apply_open() const
{
    return apply(open_load{.port = where_.http.port(),
                           .target = what_.target,
                           .per_second = settings_.per_second,
                           .warm_up = settings_.length / 4,
                           .length = settings_.length});
}

void lane::take_open()
{
    auto samples = apply_open();
    note("open-p99", "us", p99_of(samples));
    of("open", "us").rounds.push_back(std::move(samples));
}

void lane::take_idle()
{
    auto const processes = where_.processes();
    auto const before = memory_of(processes);
    auto const held = idle_connections(where_.http.port(), settings_.idle);
    auto const grown = memory_of(processes) - before;
    auto samples = apply_open();
    of("idle-p99", "us", name_ + "-open-p99").rounds.push_back({p99_of(samples)});
    of("idle", "us", name_ + "-open").rounds.push_back(std::move(samples));
    note("idle-memory", "B/conn", std::max(grown, 1.0) / static_cast<double>(held.size()));
}

void lane::count_steps(unsigned connections)
{
    note("steps", "instr/req",
         steps_per_request(
             where_.http.workers(),
             {.port = where_.http.port(), .target = what_.target, .connections = connections}));
}

void lane::count_syscalls(scratch const& notes)
{
    syscalls_ = syscalls_per_request(
        where_.http.workers(),
        [&] {
            return apply(wrk_load{.port = where_.http.port(),
                                  .target = what_.target,
                                  .length = settings_.length})
                .requests;
        },
        notes);
    double sum = 0;
    for (auto const& [call, times] : syscalls_)
        sum += times;
    note("syscalls", "calls/req", sum);
}

std::vector<series> lane::measured() const
{
    return measured_;
}

} // namespace covey::bench
