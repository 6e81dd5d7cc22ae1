// state_throughput: what an operation on shared state costs, in nanoseconds.
//
//   case            what                                                             baseline
//   STORE-get       a row of 100 bytes read by its key, in one process               table-get
//   STORE-95 -50    95 or 50 reads of 100, the rest overwrites a row                 table-95 -50
//   STORE-put       writes only                                                      table-put
//   ...-x2          two processes at once, on a CPU each
//   ...-large       1,000,000 keys, where the others have 10,000
//   KIND-OPERATION  covey's other kinds; -x2 as above                                atomic-add
//   atomic-add      an addition to a word that nobody else uses
//   aim-...         what two cases make of each other, round by round
//
// The stores: covey, a plain table with sequence locks (the floor), std::unordered_map in one
// process, a map of Boost.Interprocess behind a lock, LMDB, nginx's lua_shared_dict, APCu, Redis
// over a Unix socket. Every round takes each case once; ratios are taken within a round. A store
// that is not installed is said to be missing, and left out. bench/README.md tells what is timed.
#include "state_throughput/aims.hpp"
#include "state_throughput/lane.hpp"
#include "state_throughput/store.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
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
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace covey::bench {

namespace {

constexpr unsigned processes = 2;

struct wishes
{
    std::int64_t rounds = 9;
    std::int64_t length_ms = 100; // of a case and round
    std::uint64_t small = 10'000;
    std::uint64_t large = 1'000'000;
    std::vector<std::string> only;
    bool json = false;
};

struct mix
{
    std::string_view name;
    unsigned writes_percent;
};
constexpr std::array mixes{mix{"get", 0}, mix{"95", 5}, mix{"50", 50}, mix{"put", 100}};

// One case: who plays what with whom, and what came out.
struct trial
{
    lane* where;
    std::string what;
    unsigned writes_percent;
    unsigned players;
    series found;
};

bool is_wanted(wishes const& wanted, store const& one)
{
    if (!wanted.only.empty() &&
        std::find(wanted.only.begin(), wanted.only.end(), one.name) == wanted.only.end())
        return false;
    auto const missing = one.missing();
    if (!missing.empty())
        fmt::print(stderr, "{}: {} is not installed; left out\n", one.name, missing);
    return missing.empty();
}

std::string suffix_of(unsigned players)
{
    return players == 1 ? "" : fmt::format("-x{}", players);
}

void add_stores(std::vector<trial>& trials, std::list<lane>& lanes, wishes const& wanted,
                std::uint64_t keys, std::string_view size, scratch const& files)
{
    std::vector<lane*> here;
    for (auto const& each : stores())
        if (is_wanted(wanted, each)) {
            fmt::print(stderr, "{}: {} keys\n", each.name, keys);
            here.push_back(&lanes.emplace_back(each, keys, processes, files));
        }
    for (unsigned players = 1; players <= processes; ++players)
        for (auto const& [name, writes] : mixes)
            for (auto* const each : here) {
                if (each->players() < players)
                    continue;
                auto const what = fmt::format("-{}{}{}", name, suffix_of(players), size);
                trials.push_back(
                    {each, "mix", writes, players,
                     series{.name = each->name() + what,
                            .unit = "ns",
                            .baseline = each->name() == "table" ? "" : "table" + what}});
            }
}

void add_kinds(std::vector<trial>& trials, std::list<lane>& lanes, wishes const& wanted,
               scratch const& files)
{
    auto const kinds = covey_kinds();
    if (!is_wanted(wanted, kinds))
        return;
    auto& here = lanes.emplace_back(kinds, 0, processes, files);
    for (unsigned players = 1; players <= processes; ++players)
        for (auto const& name : kind_operations()) {
            auto const base = "atomic-add" + suffix_of(players);
            auto made = series{.name = name + suffix_of(players), .unit = "ns"};
            if (made.name != base)
                made.baseline = base;
            trials.push_back({&here, name, 0, players, std::move(made)});
        }
}

std::vector<series> take_rounds(wishes const& wanted)
{
    scratch const files;
    std::list<lane> lanes;
    std::vector<trial> trials;
    add_stores(trials, lanes, wanted, wanted.small, "", files);
    add_stores(trials, lanes, wanted, wanted.large, "-large", files);
    add_kinds(trials, lanes, wanted, files);
    for (std::int64_t round = 0; round != wanted.rounds; ++round) {
        fmt::print(stderr, "round {} of {}\n", round + 1, wanted.rounds);
        auto const play = [&](trial const& each) {
            return each.where->play(each.what, each.writes_percent, each.players,
                                    std::chrono::milliseconds{wanted.length_ms});
        };
        if (!trials.empty())
            play(trials.front()); // who comes behind the longest pause is slower, and not counted
        for (auto& each : trials)
            each.found.rounds.push_back(play(each));
    }
    std::vector<series> out;
    for (auto& each : trials)
        out.push_back(std::move(each.found));
    return out;
}

// Throws runtime_error when --only names a store that there is not.
void check_names(wishes const& wanted)
{
    std::vector<std::string> known{covey_kinds().name};
    for (auto const& each : stores())
        known.push_back(each.name);
    for (auto const& name : wanted.only)
        if (std::find(known.begin(), known.end(), name) == known.end())
            throw std::runtime_error{
                fmt::format("no store {}; there are {}", name, fmt::join(known, ", "))};
}

void bench(wishes const& wanted)
{
    check_names(wanted);
    auto where = this_machine();
    where.settings = fmt::format("{} rounds of {} ms a case, {} and {} keys, rows of 100 bytes",
                                 wanted.rounds, wanted.length_ms, wanted.small, wanted.large);
    steal_meter const steal;
    auto measured = take_rounds(wanted);
    forget_missing_baselines(measured);
    auto const wished = quotients(aims(), measured);
    measured.insert(measured.end(), wished.begin(), wished.end());
    where.steal_percent = steal.percent();
    auto const findings = evaluate(measured);
    if (wanted.json) {
        print_json(std::cout, where, findings);
        return;
    }
    print_table(std::cout, where, findings);
    print_verdicts(std::cout, aims(), findings);
}

} // namespace

} // namespace covey::bench

int main(int argc, char** argv)
{
    using namespace covey::bench;
    wishes wanted;
    CLI::App words{"What an operation on shared state costs."};
    words.add_flag("--json", wanted.json, "An array of objects instead of a table");
    words.add_flag_callback(
        "--quick",
        [&] {
            wanted.rounds = 2;
            wanted.length_ms = 8;
            wanted.small = 1'000;
            wanted.large = 20'000;
        },
        "Two short rounds with few keys: whether it works, not how fast");
    words.add_option("--rounds", wanted.rounds, "How often every case is taken")
        ->check(CLI::Range(1, 1'000));
    words.add_option("--length", wanted.length_ms, "Milliseconds a case and round")
        ->check(CLI::Range(4, 60'000));
    words.add_option("--keys", wanted.small, "Keys of the cases without a suffix")
        ->check(CLI::Range(10, 100'000'000));
    words.add_option("--large", wanted.large, "Keys of the cases -large")
        ->check(CLI::Range(10, 100'000'000));
    words.add_option("--only", wanted.only, "Take this store alone, or these (repeatable); kinds");
    CLI11_PARSE(words, argc, argv);
    try {
        bench(wanted);
        return 0;
    } catch (std::exception const& failed) {
        fmt::print(stderr, "bench_state_throughput: {}\n", failed.what());
        return 1;
    }
}
