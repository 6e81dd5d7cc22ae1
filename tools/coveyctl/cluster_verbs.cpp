// What concerns the cluster as a whole.
#include "failure.hpp"
#include "json.hpp"
#include "process.hpp"
#include "table.hpp"
#include "verbs.hpp"

#include <covey/shm/inspect.hpp>
#include <fmt/format.h>
#include <iostream>
#include <optional>

namespace coveyctl {

namespace {

constexpr std::uint32_t no_limit = 0xffffffff;

// How big the state is and whether it has been repaired; or why it cannot be read.
struct state_glance
{
    std::optional<covey::inspect> seen;
    std::string trouble;
};

state_glance glance(cluster_link& cluster)
try {
    return {open_state(cluster), {}};
} catch (failure const& failed) {
    return {std::nullopt, failed.what()};
}

std::string state_line(state_glance const& state)
{
    if (!state.seen)
        return state.trouble;
    auto const repairs = state.seen->repairs();
    return fmt::format("{} fields, {}, revision {}, {} repairs",
                       state.seen->described().fields.size(), bytes_text(state.seen->bytes()),
                       state.seen->revision(), repairs.empty() ? 0 : repairs.back().number);
}

json::value state_value(state_glance const& state)
{
    if (!state.seen)
        return json::object{{"trouble", state.trouble}};
    auto const repairs = state.seen->repairs();
    return json::object{{"fields", state.seen->described().fields.size()},
                        {"bytes", state.seen->bytes()},
                        {"revision", state.seen->revision()},
                        {"repairs", repairs.empty() ? 0 : repairs.back().number}};
}

json::object as_json(control::worker const& one)
{
    return {{"seat", one.seat},
            {"id", one.id},
            {"pid", one.pid},
            {"generation", one.generation},
            {"state", one.state},
            {"block", one.block},
            {"connections", one.connections},
            {"connections_max",
             one.connections_max == no_limit ? json::value() : json::value(one.connections_max)},
            {"in_flight", one.in_flight},
            {"requests", one.requests},
            {"unacknowledged", one.unacknowledged},
            {"starts", one.starts},
            {"changes_dropped", one.changes_dropped}};
}

} // namespace

int tell_status(cluster_link& cluster, bool json)
{
    auto const& it = cluster.who();
    auto const state = glance(cluster);
    if (json) {
        json::print(json::object{{"name", it.name},
                                 {"pid", it.pid},
                                 {"software", it.software},
                                 {"addresses", it.addresses},
                                 {"dispatch", it.dispatch},
                                 {"age_ms", it.age_ms},
                                 {"seats", it.seats},
                                 {"seats_max", it.seats_max},
                                 {"ready", it.ready},
                                 {"generation", it.generation},
                                 {"given_up", it.has_given_up},
                                 {"stopping", it.is_stopping},
                                 {"state", state_value(state)}});
        return exit_code::done;
    }
    facts lines;
    lines.add("cluster", fmt::format("{}, master {}, covey {}, up {}", it.name, it.pid, it.software,
                                     time_text(std::chrono::milliseconds{it.age_ms})));
    lines.add("serves", it.is_stopping ? "nobody any more: it stops"
                                       : fmt::format("{} ({})", it.addresses, it.dispatch));
    lines.add("workers", fmt::format("{} of {} ready, generation {}, at most {}{}", it.ready,
                                     it.seats, it.generation, it.seats_max,
                                     it.has_given_up ? "; restarts given up: see its log" : ""));
    lines.add("state", state_line(state));
    lines.print(std::cout);
    return exit_code::done;
}

int tell_workers(cluster_link& cluster, bool json)
{
    auto const all = cluster.workers();
    if (json) {
        json::array out;
        for (auto const& one : all)
            out.push_back(as_json(one));
        json::print(out);
        return exit_code::done;
    }
    using side = table::side;
    table out{{{"SEAT", side::right},
               {"ID", side::right},
               {"PID", side::right},
               {"GEN", side::right},
               {"STATE"},
               {"CONNS", side::right},
               {"MAX", side::right},
               {"BUSY", side::right},
               {"REQUESTS", side::right},
               {"STARTS", side::right}}};
    for (auto const& one : all)
        out.add({fmt::to_string(one.seat), fmt::to_string(one.id),
                 one.pid == 0 ? "-" : fmt::to_string(one.pid), fmt::to_string(one.generation),
                 one.pid != 0 && is_stopped(one.pid) ? one.state + ", stopped" : one.state,
                 fmt::to_string(one.connections),
                 one.connections_max == no_limit ? "-" : fmt::to_string(one.connections_max),
                 fmt::to_string(one.in_flight), fmt::to_string(one.requests),
                 fmt::to_string(one.starts)});
    out.print(std::cout);
    return exit_code::done;
}

int reload(cluster_link& cluster, bool json)
{
    auto const what = cluster.reload();
    if (json)
        json::print(json::object{
            {"done", what.done}, {"generation", what.generation}, {"text", what.text}});
    else if (what.done)
        std::cout << fmt::format("generation {} serves\n", what.generation);
    else
        std::cerr << fmt::format("coveyctl: the reload failed and generation {} goes on: {}\n",
                                 what.generation, what.text);
    return what.done ? exit_code::done : exit_code::failed;
}

int scale(cluster_link& cluster, std::uint32_t workers, bool json)
{
    auto const before = cluster.who().seats;
    cluster.scale(workers);
    if (json)
        json::print(json::object{{"before", before}, {"workers", workers}});
    else
        std::cout << fmt::format("from {} workers to {}\n", before, workers);
    return exit_code::done;
}

int stop(cluster_link& cluster, bool now, bool wait, bool json)
{
    auto const master = process::open(cluster.master_pid());
    cluster.stop(now);
    bool const ended = wait && master.wait_for_end();
    if (json)
        json::print(json::object{{"pid", cluster.who().pid}, {"ended", ended}});
    else
        std::cout << fmt::format("{} {}\n", cluster.who().name, ended ? "has ended" : "stops");
    return exit_code::done;
}

} // namespace coveyctl
