// notification_latency: how old a change is when its handler in another process runs.
//
//   case          what happens between the change in A and the handler in B       baseline
//   direct        state, ring, doorbell; B sleeps in its loop                     raw-eventfd
//   direct-busy   state, ring; B looks for changes all the time (--busy-poll)     raw-spin
//   direct-http   as direct, and B answers 10,000 HTTP requests a second          direct
//   socket        A's channel, the master, B's channel                            raw-socket
//   cache-line raw-spin raw-eventfd futex pipe unix raw-socket    the floors, without covey
//   redis-pubsub redis-stream postgres node shared_dict           the peers       direct
//   fan-out-N     direct, until the last of N sleeping workers was told           raw-fan-out-N
//   writer-N      what the change took its writer then                            raw-writer-N
//   aim-...       quotients that are wanted to be above or below a number (aims.cpp)
//
// NAME@RATE is an open loop at so many changes a second, latencies from when a change was due;
// NAME@max is flat out, at most 256 changes on their way, in changes a second. Every round takes
// each case once; ratios are taken within a round. docs/notification.md tells what is timed and
// what the numbers mean.
#include "notification_latency/aims.hpp"
#include "notification_latency/awake.hpp"
#include "notification_latency/calibration.hpp"
#include "notification_latency/cases.hpp"
#include "notification_latency/covey_lanes.hpp"
#include "notification_latency/hgrm.hpp"
#include "notification_latency/plot.hpp"
#include "notification_latency/quiet.hpp"
#include "notification_latency/report.hpp"
#include "notification_latency/servers.hpp"
#include "notification_latency/system_calls.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <harness.hpp>
#include <harness_scratch.hpp>
#include <iostream>
#include <string>
#include <vector>

namespace covey::bench {

namespace {

// Where what was measured goes.
struct outputs
{
    bool json = false;
    bool markdown = false;
    std::string hgrm;   // folder
    std::string plot;   // file
    std::string folder; // for all of them
};

struct measured
{
    machine where;
    std::string verdict;
    std::vector<result> results;
    std::vector<result> quotients;
};

// Ends what was started for the bench, however it ends.
struct servers_end
{
    ~servers_end() { end_servers(); }
};

std::string described(wishes const& wanted)
{
    auto const* const places = wanted.both_places ? "pinned and not"
                               : wanted.pinned    ? "sender and receivers on CPUs of their own"
                                                  : "not pinned";
    return fmt::format("{} rounds, {} s a case, {} changes flat out, {}, {}", wanted.rounds,
                       wanted.seconds, wanted.flood, places,
                       wanted.awake ? "CPUs kept awake" : "CPUs may sleep");
}

// How late senders were, of all lanes at rates that leave them the time.
void add_lateness(machine& to, distribution const& late)
{
    if (late.count() == 0)
        return;
    to.more.emplace_back("sender_late_p50_ns", static_cast<double>(late.percentile(0.5)));
    to.more.emplace_back("sender_late_p99_ns", static_cast<double>(late.percentile(0.99)));
}

measured take_all(wishes const& wanted, scratch const& files)
{
    servers_end const ends;
    measured out;
    out.where = this_machine();
    out.where.settings = described(wanted);
    auto const clock = clock_here();
    quiet_watch quiet;
    auto awake = wanted.awake ? keep_cpus_awake() : std::vector<child>{};

    auto const cases = plan(wanted, files);
    distribution late;
    for (std::int64_t round = 0; round != wanted.rounds; ++round) {
        fmt::print(stderr, "round {} of {}\n", round + 1, wanted.rounds);
        add_null_test(out.results);
        for (auto const& one : cases) {
            auto const found = measure(one, files);
            add(out.results, one, found);
            if (one.wanted.rate != 0 && one.wanted.rate <= usual_rate)
                late.add(found.late);
        }
    }
    if (wanted.counts) {
        if (auto const missing = cannot_count(); !missing.empty())
            fmt::print(stderr, "without system calls: not here: {}\n", missing);
        else
            count_system_calls(out.results, cases, files);
    }
    awake.clear();
    end_servers();
    quiet.end(); // now that all that was ours has ended

    out.quotients = quotients(out.results);
    out.verdict = quiet.verdict();
    out.where.steal_percent = quiet.steal_percent();
    out.where.more = {{"clock_read_ns", clock.read_ns},
                      {"clock_resolution_ns", static_cast<double>(clock.resolution_ns)},
                      {"others_percent", quiet.others_percent()},
                      {"load", quiet.load()},
                      {"noisy", quiet.is_quiet() ? 0 : 1}};
    add_lateness(out.where, late);
    return out;
}

void print_all_json(std::ostream& out, measured const& all)
{
    auto findings = findings_of(all.results);
    auto const more = findings_of(all.quotients);
    findings.insert(findings.end(), more.begin(), more.end());
    print_json(out, all.where, findings);
}

void print_all_markdown(std::ostream& out, measured const& all)
{
    print_markdown(out, all.where, all.verdict, all.results, all.quotients);
}

void draw(std::string const& file, measured const& all, scratch const& files)
{
    if (auto const missing = missing_gnuplot(); !missing.empty()) {
        fmt::print(stderr, "without a plot: not here: {}\n", missing);
        return;
    }
    auto const title = fmt::format("{}, {} CPUs, Linux {}, commit {}; {}", all.where.cpu,
                                   all.where.cpus, all.where.kernel, all.where.commit,
                                   all.verdict.substr(0, all.verdict.find(':')));
    plot_percentiles(file, title, all.results, files);
}

template <class Print>
void print_to(std::string const& file, measured const& all, Print print)
{
    std::ofstream out;
    out.exceptions(std::ios::failbit | std::ios::badbit);
    out.open(file);
    print(out, all);
}

void bench(wishes const& wanted, outputs to)
{
    scratch const files;
    if (!to.folder.empty()) {
        std::filesystem::create_directories(to.folder); // before it takes minutes
        to.hgrm = to.folder + "/hgrm";
        to.plot = to.folder + "/percentiles.svg";
    }
    auto const all = take_all(wanted, files);
    if (to.json)
        print_all_json(std::cout, all);
    else if (to.markdown)
        print_all_markdown(std::cout, all);
    else
        print_report(std::cout, all.where, all.verdict, all.results, all.quotients);
    if (!to.folder.empty()) {
        print_to(to.folder + "/notification.json", all, print_all_json);
        print_to(to.folder + "/notification.md", all, print_all_markdown);
    }
    if (!to.hgrm.empty())
        write_hgrm_files(to.hgrm, all.results);
    if (!to.plot.empty())
        draw(to.plot, all, files);
    if (!to.folder.empty())
        fmt::print(stderr,
                   "notification.json, notification.md, percentiles.svg and hgrm/ are in {}\n",
                   to.folder);
}

// "max" is 0.
std::int64_t rate_of(std::string const& word)
{
    if (word == "max")
        return 0;
    std::size_t used = 0;
    std::int64_t out = 0;
    try {
        out = std::stoll(word, &used);
    } catch (std::exception const&) {
    }
    if (used != word.size() || out < 1 || out > 10'000'000)
        throw CLI::ValidationError{"--rates",
                                   word + ": a rate is 1 to 10000000 changes a second, or max"};
    return out;
}

void make_quick(wishes& wanted)
{
    wanted.rounds = 2;
    wanted.rates = {usual_rate, 0};
    wanted.fan_out = {1, 2};
    wanted.seconds = 0.1;
    wanted.flood = 2'000;
}

std::vector<std::string> payload_names()
{
    std::vector<std::string> out;
    for (auto const each : covey_payloads())
        out.push_back(std::to_string(each));
    return out;
}

std::vector<std::string> lane_names()
{
    std::vector<std::string> out;
    for (auto const& one : lanes())
        out.emplace_back(one.name);
    return out;
}

void add_words(CLI::App& words, wishes& wanted, outputs& to)
{
    words.add_flag_callback(
        "--quick", [&] { make_quick(wanted); }, "Two short rounds: whether it works, not how fast");
    words.add_option("--rounds", wanted.rounds, "How often every case is taken")
        ->check(CLI::Range(1, 1'000));
    words
        .add_option_function<std::vector<std::string>>(
            "--rates",
            [&](std::vector<std::string> const& given) {
                wanted.rates.clear();
                for (auto const& each : given)
                    wanted.rates.push_back(rate_of(each));
            },
            "Changes a second, or max: as many as go (10,1000,100000,max)")
        ->delimiter(',');
    words
        .add_option_function<std::vector<std::string>>(
            "--payloads",
            [&](std::vector<std::string> const& given) {
                wanted.payloads.clear();
                for (auto const& each : given)
                    wanted.payloads.push_back(static_cast<std::uint32_t>(std::stoul(each)));
            },
            "Bytes of a change; every case has the first, the others are compared at 1000 a "
            "second (8)")
        ->delimiter(',')
        ->check(CLI::IsMember(payload_names()));
    words
        .add_option("--fan-out", wanted.fan_out, "How many subscribers (1,2,4,8,16,32,64); 0: none")
        ->delimiter(',')
        ->check(CLI::Range(0, 200));
    words.add_option("--seconds", wanted.seconds, "Of a case and round, where there is a rate")
        ->check(CLI::Range(0.01, 600.0));
    words.add_option("--flood", wanted.flood, "Changes of a case and round flat out")
        ->check(CLI::Range(100, 10'000'000));
    words.add_option("--samples-most", wanted.samples_most, "Changes of a case and round at most")
        ->check(CLI::Range(2, 10'000'000));
    words.add_option("--only", wanted.only, "Only this lane; may be repeated")
        ->check(CLI::IsMember(lane_names()));
    words.add_option("--pin", "Sender and receivers on CPUs of their own: yes, no, both (no)")
        ->expected(0, 1)
        ->default_str("yes")
        ->check(CLI::IsMember({"yes", "no", "both"}))
        ->each([&](std::string const& word) {
            wanted.pinned = word == "yes";
            wanted.both_places = word == "both";
        });
    words.add_flag("!--no-counts", wanted.counts, "Do not count system calls");
    words.add_flag("--awake", wanted.awake, "Keep the CPUs from sleeping, as on a busy machine");
    words.add_flag("--json", to.json, "An array of objects instead of a table");
    words.add_flag("--markdown", to.markdown, "A table for a page of documentation");
    words.add_option("--hgrm", to.hgrm,
                     "Percentile files in HdrHistogram's format, in this folder");
    words.add_option("--plot", to.plot, "The percentiles of all lanes, as an .svg or .png");
    words.add_option("--out", to.folder,
                     "JSON, markdown, percentile files and plot in this folder");
}

} // namespace

} // namespace covey::bench

int main(int argc, char** argv)
{
    using namespace covey::bench;
    if (is_covey_lane(argc, argv))
        return be_covey_lane(argc, argv);

    wishes wanted;
    outputs to;
    CLI::App words{"How old a change is when its handler in another process runs."};
    add_words(words, wanted, to);
    CLI11_PARSE(words, argc, argv);
    std::erase(wanted.fan_out, 0U);
    try {
        bench(wanted, to);
        return 0;
    } catch (std::exception const& failed) {
        fmt::print(stderr, "bench_notification_latency: {}\n", failed.what());
        return 1;
    }
}
