#include "conduct.hpp"

#include "sending.hpp"

#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace covey::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::int64_t look_every_ns = 5'000'000;

witness& present()
{
    static witness one;
    return one;
}

template <class Reached>
void wait_for(char const* what, std::vector<child> const& processes, clock::time_point limit,
              Reached reached)
{
    while (!reached()) {
        for (auto const& each : processes)
            if (each.has_ended() && !reached())
                throw std::runtime_error{fmt::format("a process ended before {}", what)};
        if (clock::now() > limit)
            throw std::runtime_error{fmt::format("too late for {}", what)};
        sleep_until_ns(now_ns() + look_every_ns);
    }
}

// How often a process went to sleep until now; none when nothing tells.
std::optional<std::uint64_t> sleeps_of(pid_t process)
{
    std::ifstream status{fmt::format("/proc/{}/status", process)};
    for (std::string word; status >> word;) {
        std::uint64_t times = 0;
        if (word == "voluntary_ctxt_switches:" && status >> times)
            return times;
    }
    return std::nullopt;
}

std::vector<pid_t> receivers_of(board const& shared, run const& made)
{
    std::vector<pid_t> out;
    for (std::uint32_t i = 0; i != made.receivers; ++i)
        out.push_back(shared.receiver(i).pid.load());
    return out;
}

std::optional<std::uint64_t> sleeps_of(std::vector<pid_t> const& processes)
{
    std::uint64_t out = 0;
    for (auto const each : processes) {
        auto const times = sleeps_of(each);
        if (!times)
            return std::nullopt;
        out += *times;
    }
    return out;
}

outcome collect(board const& shared, run const& made)
{
    auto const& common = shared.common();
    outcome out;
    out.in_hand.add(common.in_hand);
    out.last_arrival.add(common.last_arrival);
    out.writing.add(common.writing);
    out.late.add(common.late);
    std::int64_t finished = 0;
    for (std::uint32_t i = 0; i != made.receivers; ++i) {
        auto const& notes = shared.receiver(i);
        out.arrival.add(notes.arrival);
        out.events += static_cast<std::uint64_t>(notes.events.load());
        out.conflated += static_cast<std::uint64_t>(notes.conflated.load());
        out.resyncs += static_cast<std::uint64_t>(notes.resyncs.load());
        finished = std::max(finished, notes.finished_ns.load());
    }
    out.elapsed_ns = finished - common.start_ns.load();
    return out;
}

} // namespace

void set_witness(witness sees)
{
    present() = std::move(sees);
}

outcome conduct(board& shared, run const& made, std::vector<child> const& processes,
                std::chrono::milliseconds limit)
{
    auto const last = clock::now() + limit;
    wait_for("the end of the warm-up", processes, last,
             [&] { return shared.common().phase.load() == run_phase::at_gate; });
    auto const receivers = receivers_of(shared, made);
    auto const before = sleeps_of(receivers);
    std::function<void()> told;
    if (present()) {
        auto all = receivers;
        all.insert(all.begin(), shared.common().sender.load());
        told = present()(all);
    }
    shared.common().phase.store(run_phase::measuring);
    wait_for("its last change", processes, last, [&] {
        return shared.common().phase.load() == run_phase::all_sent &&
               shared.all_saw(made, made.samples);
    });
    if (told)
        told();
    auto const after = sleeps_of(receivers);
    auto out = collect(shared, made);
    if (before && after)
        out.sleeps = *after - *before;
    return out;
}

} // namespace covey::bench
