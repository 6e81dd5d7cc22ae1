// notification_latency: how old a change is when its handler in another process runs.
//
//   case          what happens between the change in A and the handler in B       baseline
//   direct        state, ring, doorbell; B sleeps in its loop                     raw-eventfd
//   direct-busy   state, ring; B looks for changes all the time (--busy-poll)     raw-spin
//   socket        A's channel, the master, B's channel                            raw-socket
//   raw-eventfd   shared memory, an eventfd, an epoll, and no more
//   raw-spin      shared memory that B looks at all the time
//   raw-socket    two stream sockets and a process between them that copies
//   ...-flat      the same flat out, at most 256 changes on their way, in changes a second
//
// Every round takes each case once, at 1 kHz and then flat out; ratios are taken within a round.
// bench/README.md tells what is timed and what the numbers mean.
#include "notification_latency/awake.hpp"
#include "notification_latency/lanes.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <harness.hpp>
#include <harness_scratch.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace covey::bench {

namespace {

struct lane
{
    std::string_view name;
    std::string_view baseline;
    void (*make)(run const&, std::chrono::milliseconds limit);
};

constexpr std::array lanes{
    lane{"direct", "raw-eventfd", run_covey_lane},
    lane{"direct-busy", "raw-spin", run_covey_lane},
    lane{"socket", "raw-socket", run_covey_lane},
    lane{"raw-eventfd", "", run_raw_lane},
    lane{"raw-spin", "", run_raw_lane},
    lane{"raw-socket", "", run_raw_lane},
};

struct wishes
{
    std::int64_t rounds = 9;
    std::int64_t samples = 1'000; // a case and round, at 1 kHz
    std::int64_t flood = 100'000; // the same, flat out
    bool pinned = false;
    bool awake = false;
    bool json = false;
};

notes measure(lane const& one, run made)
try {
    using namespace std::chrono_literals;
    made.lane = one.name;
    std::filesystem::remove(made.file);
    one.make(made, 30s + 2 * made.samples * (made.flat_out ? 0ms : pace));
    if (!std::filesystem::exists(made.file))
        throw std::runtime_error{"the receiver left no notes"};
    return read_notes(made);
} catch (std::exception const& failed) {
    throw std::runtime_error{
        fmt::format("{}{}: {}", one.name, made.flat_out ? ", flat out" : "", failed.what())};
}

std::vector<double> microseconds(std::vector<std::int64_t> const& nanoseconds)
{
    std::vector<double> out;
    out.reserve(nanoseconds.size());
    for (auto const each : nanoseconds)
        out.push_back(static_cast<double>(each) / 1e3);
    return out;
}

double changes_per_second(notes const& taken)
{
    return static_cast<double>(taken.latencies_ns.size()) * 1e9 /
           static_cast<double>(taken.elapsed_ns);
}

std::vector<series> take_rounds(wishes const& wanted)
{
    std::vector<series> paced;
    std::vector<series> flat;
    for (auto const& one : lanes) {
        std::string const name{one.name};
        std::string const baseline{one.baseline};
        paced.push_back({.name = name, .unit = "us", .baseline = baseline});
        flat.push_back({.name = name + "-flat",
                        .unit = "changes/s",
                        .baseline = baseline.empty() ? "" : baseline + "-flat"});
    }

    scratch const folder;
    run slow;
    slow.samples = wanted.samples;
    slow.pinned = wanted.pinned;
    slow.file = folder.file("notes");
    auto fast = slow;
    fast.flat_out = true;
    fast.samples = wanted.flood;
    for (std::int64_t round = 0; round != wanted.rounds; ++round) {
        fmt::print(stderr, "round {} of {}\n", round + 1, wanted.rounds);
        for (std::size_t i = 0; i != lanes.size(); ++i)
            paced[i].rounds.push_back(microseconds(measure(lanes[i], slow).latencies_ns));
        for (std::size_t i = 0; i != lanes.size(); ++i)
            flat[i].rounds.push_back({changes_per_second(measure(lanes[i], fast))});
    }
    paced.insert(paced.end(), flat.begin(), flat.end());
    return paced;
}

std::string described(wishes const& wanted)
{
    return fmt::format("{} rounds of {} changes at 1 kHz and {} flat out, {}, {}", wanted.rounds,
                       wanted.samples, wanted.flood,
                       wanted.pinned ? "sender and receiver on a CPU each" : "not pinned",
                       wanted.awake ? "CPUs kept awake" : "CPUs may sleep");
}

void bench(wishes const& wanted)
{
    auto where = this_machine();
    where.settings = described(wanted);
    auto const awake = wanted.awake ? keep_cpus_awake() : std::vector<child>{};
    steal_meter const steal;
    auto const findings = evaluate(take_rounds(wanted));
    where.steal_percent = steal.percent();
    (wanted.json ? print_json : print_table)(std::cout, where, findings);
}

} // namespace

} // namespace covey::bench

int main(int argc, char** argv)
{
    using namespace covey::bench;
    if (is_covey_lane(argc, argv))
        return be_covey_lane(argc, argv);

    wishes wanted;
    CLI::App words{"How old a change is when its handler in another process runs."};
    words.add_flag("--json", wanted.json, "An array of objects instead of a table");
    words.add_flag_callback(
        "--quick",
        [&] {
            wanted.rounds = 2;
            wanted.samples = 200;
            wanted.flood = 5'000;
        },
        "Two short rounds: whether it works, not how fast");
    words.add_option("--rounds", wanted.rounds, "How often every case is taken")
        ->check(CLI::Range(1, 1'000));
    words.add_option("--samples", wanted.samples, "Changes a case and round at 1 kHz")
        ->check(CLI::Range(2, 1'000'000));
    words.add_flag("--pin", wanted.pinned, "Sender and receiver on a CPU each");
    words.add_flag("--awake", wanted.awake, "Keep the CPUs from sleeping, as on a busy machine");
    CLI11_PARSE(words, argc, argv);
    try {
        bench(wanted);
        return 0;
    } catch (std::exception const& failed) {
        fmt::print(stderr, "bench_notification_latency: {}\n", failed.what());
        return 1;
    }
}
