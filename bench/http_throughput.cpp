// http_throughput: what HTTP costs in covey's workers, beside servers that people run, and the
// least that can be.
//
//   case                      what                                                 baseline
//   SERVER-ERRAND-c64 -c256   requests a second, with so many connections kept     epoll-ERRAND-...
//   SERVER-ERRAND-p16         the same, 64 of them, 16 requests sent at once
//   SERVER-ERRAND-short       connections a second, one request on each
//     ...-cpu                 CPU time of all the server's processes, a request
//   SERVER-ERRAND-user -kernel -instructions
//                             of c64: instructions a request, where the machine counts them
//   SERVER-ERRAND-steps       the server's own instructions a request, counted one by one
//   SERVER-ERRAND-syscalls    calls of the kernel a request
//   SERVER-ERRAND-open        latency at a fixed rate, from when a request was due; -p99: a round's
//   SERVER-hello-idle -p99    the same while 10,000 others hold a connection       ...-open
//   SERVER-hello-idle-memory  what each of those takes
//   aim-...                   what two cases make of each other, round by round
//
// The servers: covey, a hand-written epoll server (the floor), Boost.Beast as its examples have it,
// nginx, nginx with Lua, Node's cluster with Redis. The errands: hello, a counter that all workers
// share, a session of 100 bytes read and written by its key. Every round takes each case once, the
// servers one after the other. What is not installed is said to be missing, and left out.
// bench/README.md tells what is timed.
#include "http_throughput/aims.hpp"
#include "http_throughput/contenders.hpp"
#include "http_throughput/idle.hpp"
#include "http_throughput/instructions.hpp"
#include "http_throughput/lane.hpp"
#include "http_throughput/report.hpp"
#include "http_throughput/syscalls.hpp"
#include "http_throughput/wrk.hpp"

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
    std::int64_t rounds = 5;
    std::int64_t length_ms = 1'000;
    std::int64_t per_second = 4'000;
    unsigned idle = 10'000;
    unsigned stepped = 16;
    std::string dispatch = "least_loaded";
    std::vector<std::string> only; // servers
    std::vector<std::string> errands;
    bool json = false;
    bool full = false;
    std::string plot;
};

bool is_among(std::vector<std::string> const& wanted, std::string const& name)
{
    return wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end();
}

template <class Named>
void check_names(std::vector<std::string> const& wanted, std::vector<Named> const& known,
                 char const* what)
{
    std::set<std::string> names;
    for (auto const& each : known)
        names.insert(each.name);
    for (auto const& name : wanted)
        if (!names.contains(name))
            throw std::runtime_error{
                fmt::format("no {} {}; there are {}", what, name, fmt::join(names, ", "))};
}

// All servers run all the time; one that nobody asks sleeps.
struct field_of_servers
{
    std::list<running_server> servers;
    std::list<lane> lanes; // by errand
};

void start(field_of_servers& out, std::vector<contender> const& all, wishes const& wanted,
           lane_settings const& settings, scratch const& notes)
{
    std::vector<std::pair<contender const*, running_server*>> up;
    for (auto const& each : all) {
        if (!is_among(wanted.only, each.name))
            continue;
        if (auto const missing = each.missing(); !missing.empty()) {
            fmt::print(stderr, "{}: {} is not installed; left out\n", each.name, missing);
            continue;
        }
        up.emplace_back(&each, &out.servers.emplace_back(each.start(notes)));
    }
    for (auto const& what : errands())
        for (auto const& [who, where] : up)
            if (who->has(what) && is_among(wanted.errands, what.name))
                out.lanes.emplace_back(*who, *where, what, settings);
}

bool is_held_idle(lane const& one)
{
    return one.what().name == "hello" && (one.who().name == "covey" || one.who().name == "nginx");
}

// What goes wrong is told with the lane's name.
template <class Measure>
void named(lane& each, Measure measure)
{
    try {
        measure(each);
    } catch (std::exception const& failed) {
        throw std::runtime_error{fmt::format("{}: {}", each.name(), failed.what())};
    }
}

// Neighbours in time are what is compared: the servers, one after the other, in the same way.
void take_round(std::list<lane>& lanes, bool has_wrk)
{
    for (auto const& what : errands()) {
        auto const in_turn = [&](auto measure) {
            for (auto& each : lanes)
                if (&each.what() == &what)
                    named(each, measure);
        };
        if (has_wrk)
            for (auto const& by : ways())
                in_turn([&](lane& each) { each.take(by); });
        in_turn([](lane& each) { each.take_short(); });
        in_turn([](lane& each) {
            each.take_open();
            if (is_held_idle(each))
                each.take_idle();
        });
    }
}

void take_once(std::list<lane>& lanes, wishes const& wanted, bool has_wrk, scratch const& notes)
{
    auto const how = how_calls_are_counted();
    if (how.empty())
        fmt::print(stderr, "strace is not installed; calls of the kernel are left out\n");
    else
        fmt::print(stderr, "calls of the kernel are counted {}\n", how);
    for (auto& each : lanes) {
        named(each, [&](lane& one) {
            if (one.who().native)
                one.count_steps(wanted.stepped);
            if (!how.empty() && has_wrk)
                one.count_syscalls(notes);
        });
    }
}

// Whether instructions are counted under load; says why not.
bool counts_instructions()
{
    auto const why = why_no_instructions();
    if (!why.empty())
        fmt::print(stderr,
                   "instructions of the kernel cannot be counted here ({}): the aims that need "
                   "them are left out; a server's own are counted one by one\n",
                   why);
    return why.empty();
}

void tell(wishes const& wanted, machine const& where, std::list<lane> const& lanes,
          std::vector<series> const& measured)
{
    auto const findings = evaluate(measured);
    std::vector<std::string> names;
    for (auto const& each : lanes)
        names.push_back(each.name());
    if (!wanted.plot.empty())
        plot(wanted.plot, names, findings);
    if (wanted.json)
        return print_json(std::cout, where, findings);
    wanted.full ? print_table(std::cout, where, findings) : print_machine(std::cout, where);
    print_lanes(std::cout, names, findings);
    for (auto const& each : lanes)
        if (!each.syscalls().empty())
            print_syscalls(std::cout, each.name(), each.syscalls());
    print_verdicts(std::cout, aims(), findings);
}

void bench(wishes const& wanted)
{
    auto const all = contenders(wanted.dispatch);
    check_names(wanted.only, all, "server");
    check_names(wanted.errands, errands(), "errand");
    bool const has_wrk = is_wrk_installed();
    if (!has_wrk)
        fmt::print(stderr, "wrk is not installed; the cases with connections that are kept are "
                           "left out\n");
    lane_settings const settings{.length = std::chrono::milliseconds{wanted.length_ms},
                                 .per_second = wanted.per_second,
                                 .idle = possible_connections(wanted.idle),
                                 .counts_instructions = counts_instructions()};
    scratch const notes;
    field_of_servers field;
    start(field, all, wanted, settings, notes);
    auto where = this_machine();
    where.settings = fmt::format(
        "{} rounds of {} ms a case, {} req/s due in open, {} connections idle; {} workers each, "
        "covey's connections {}",
        wanted.rounds, wanted.length_ms, wanted.per_second, settings.idle, worker_count,
        wanted.dispatch);
    steal_meter const steal;
    fmt::print(stderr, "instructions and calls, once\n");
    take_once(field.lanes, wanted, has_wrk, notes);
    for (std::int64_t round = 0; round != wanted.rounds; ++round) {
        fmt::print(stderr, "round {} of {}\n", round + 1, wanted.rounds);
        take_round(field.lanes, has_wrk);
    }
    where.steal_percent = steal.percent();
    std::vector<series> measured;
    for (auto const& each : field.lanes)
        for (auto& one : each.measured())
            measured.push_back(std::move(one));
    forget_missing_baselines(measured);
    auto const wished = quotients(aims(), measured);
    measured.insert(measured.end(), wished.begin(), wished.end());
    tell(wanted, where, field.lanes, measured);
}

} // namespace

} // namespace covey::bench

int main(int argc, char** argv)
{
    using namespace covey::bench;
    wishes wanted;
    CLI::App words{"What HTTP costs in covey's workers, beside servers that people run."};
    words.add_flag("--json", wanted.json, "An array of objects instead of a table");
    words.add_flag("--full", wanted.full, "Every case, with its spread and its ratio");
    words.add_option("--plot", wanted.plot, "Draw the rates and the CPU time into this SVG file");
    words.add_flag_callback(
        "--quick",
        [&] {
            wanted.rounds = 1;
            wanted.length_ms = 100;
            wanted.per_second = 1'000;
            wanted.idle = 300;
            wanted.stepped = 1; // under a sanitizer one takes seconds
        },
        "One short round: whether it works, not how fast");
    words.add_option("--rounds", wanted.rounds, "How often every case is taken")
        ->check(CLI::Range(1, 1'000));
    words.add_option("--length", wanted.length_ms, "Milliseconds a case and round")
        ->check(CLI::Range(50, 60'000));
    words.add_option("--rate", wanted.per_second, "Requests a second that are due in open")
        ->check(CLI::Range(10, 1'000'000));
    words.add_option("--idle", wanted.idle, "Connections that are held idle")
        ->check(CLI::Range(1, 14'000));
    words.add_option("--stepped", wanted.stepped, "Requests at once of which steps are counted")
        ->check(CLI::Range(1, 1'000));
    words.add_option("--dispatch", wanted.dispatch, "How covey spreads connections");
    words.add_option("--only", wanted.only, "Take this server alone, or these (repeatable)");
    words.add_option("--errand", wanted.errands, "Take this errand alone, or these (repeatable)");
    CLI11_PARSE(words, argc, argv);
    try {
        bench(wanted);
        return 0;
    } catch (std::exception const& failed) {
        fmt::print(stderr, "bench_http_throughput: {}\n", failed.what());
        return 1;
    }
}
