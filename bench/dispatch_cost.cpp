// dispatch_cost: what it costs to bring a connection to a worker, and a worker to its work.
//
//   case                         what                                            baseline
//   shared round_robin           short connections to two covey workers,         nginx-reuseport
//   least_loaded reuseport hash  by the policy of that name
//   nginx-reuseport nginx-shared the same to two workers of nginx
//   node-round_robin node-none   the same to two workers of Node's cluster
//     ...                        connections a second, 64 at a time
//     ...-first                  time to the first byte, one connection at a time
//     ...-cpu                    CPU time a connection of all the server's processes
//   pass-covey pass-node         handles passed to another process, a second     pass-raw
//   respawn-covey                SIGKILL of a worker until the next one answers  respawn-bare
//   memory-covey -nginx -node    PSS of an idle worker, the segment apart
//   aim-...                      what two cases make of each other, round by round
//
// Every round takes each case once; ratios are taken within a round. A peer that is not installed
// is said to be missing, and left out. bench/README.md tells what is timed and what it means.
#include "dispatch_cost/aims.hpp"
#include "dispatch_cost/lane.hpp"
#include "dispatch_cost/trials.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <harness.hpp>
#include <harness_scratch.hpp>
#include <iostream>
#include <list>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace covey::bench {

namespace {

struct wishes
{
    std::int64_t rounds = 9;
    std::int64_t length_ms = 800; // of a load with 64 connections
    std::int64_t handles = 20'000;
    std::int64_t kills = 20; // a round
    std::vector<std::string> only;
    bool json = false;
};

bool is_wanted(wishes const& wanted, std::string const& name, kind const& needs)
{
    if (!wanted.only.empty() &&
        std::find(wanted.only.begin(), wanted.only.end(), name) == wanted.only.end())
        return false;
    if (is_installed(needs))
        return true;
    fmt::print(stderr, "{}: {} is not installed; left out\n", name, needs.program);
    return false;
}

void say_round(char const* of, std::int64_t round, wishes const& wanted)
{
    fmt::print(stderr, "{}: round {} of {}\n", of, round + 1, wanted.rounds);
}

// Before any server of take_connections runs: processes that share a program's pages would share
// the blame for its memory.
std::vector<series> take_trials(wishes const& wanted, scratch const& notes)
{
    std::vector<trial> chosen;
    std::vector<series> out;
    for (auto const& each : make_trials(wanted.handles, wanted.kills, notes))
        if (is_wanted(wanted, each.name, each.needs)) {
            chosen.push_back(each);
            out.push_back({.name = each.name, .unit = each.unit, .baseline = each.baseline});
        }
    for (std::int64_t round = 0; !chosen.empty() && round != wanted.rounds; ++round) {
        say_round("processes", round, wanted);
        for (std::size_t i = 0; i != chosen.size(); ++i)
            out[i].rounds.push_back(chosen[i].measure());
    }
    return out;
}

// All servers run all the time; one that nobody asks sleeps.
std::vector<series> take_connections(wishes const& wanted, scratch const& notes)
{
    std::list<lane> lanes;
    for (auto const& each : contenders())
        if (is_wanted(wanted, each.name, each.which))
            lanes.emplace_back(each, notes);
    for (std::int64_t round = 0; !lanes.empty() && round != wanted.rounds; ++round) {
        say_round("connections", round, wanted);
        for (auto& each : lanes)
            each.take_round(std::chrono::milliseconds{wanted.length_ms});
    }
    std::vector<series> out;
    for (auto const& each : lanes)
        for (auto& one : each.measured())
            out.push_back(std::move(one));
    return out;
}

// Throws runtime_error when --only names a case that there is not.
void check_names(wishes const& wanted, scratch const& notes)
{
    std::set<std::string> known;
    for (auto const& each : contenders())
        known.insert(each.name);
    for (auto const& each : make_trials(wanted.handles, wanted.kills, notes))
        known.insert(each.name);
    for (auto const& name : wanted.only)
        if (!known.contains(name))
            throw std::runtime_error{
                fmt::format("no case {}; there are {}", name, fmt::join(known, ", "))};
}

void bench(wishes const& wanted)
{
    scratch const notes;
    check_names(wanted, notes);
    auto where = this_machine();
    where.settings =
        fmt::format("{} rounds of {} ms with 64 connections, {} handles, {} kills; {} workers each",
                    wanted.rounds, wanted.length_ms, wanted.handles, wanted.kills, worker_count);
    steal_meter const steal;
    auto processes = take_trials(wanted, notes);
    auto measured = take_connections(wanted, notes);
    measured.insert(measured.end(), processes.begin(), processes.end());
    forget_missing_baselines(measured);
    auto const wished = aims(measured);
    measured.insert(measured.end(), wished.begin(), wished.end());
    where.steal_percent = steal.percent();
    (wanted.json ? print_json : print_table)(std::cout, where, evaluate(measured));
}

} // namespace

} // namespace covey::bench

int main(int argc, char** argv)
{
    using namespace covey::bench;
    wishes wanted;
    CLI::App words{"What it costs to bring a connection to a worker, and a worker to its work."};
    words.add_flag("--json", wanted.json, "An array of objects instead of a table");
    words.add_flag_callback(
        "--quick",
        [&] {
            wanted.rounds = 2;
            wanted.length_ms = 200;
            wanted.handles = 500;
            wanted.kills = 2;
        },
        "Two short rounds: whether it works, not how fast");
    words.add_option("--rounds", wanted.rounds, "How often every case is taken")
        ->check(CLI::Range(1, 1'000));
    words.add_option("--length", wanted.length_ms, "Milliseconds of a load with 64 connections")
        ->check(CLI::Range(50, 60'000));
    words.add_option("--handles", wanted.handles, "Handles passed a case and round")
        ->check(CLI::Range(1, 10'000'000));
    words.add_option("--kills", wanted.kills, "Workers killed a round")
        ->check(CLI::Range(1, 1'000));
    words.add_option("--only", wanted.only, "Take this case alone, or these (repeatable)");
    CLI11_PARSE(words, argc, argv);
    try {
        bench(wanted);
        return 0;
    } catch (std::exception const& failed) {
        fmt::print(stderr, "bench_dispatch_cost: {}\n", failed.what());
        return 1;
    }
}
