#include "cases.hpp"

#include "calibration.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <stdexcept>
#include <utility>

namespace covey::bench {

namespace {

std::int64_t samples_of(wishes const& wanted, lane const& by, std::int64_t rate)
{
    constexpr std::int64_t least = 2;
    if (rate == 0)
        return std::max(least, by.slow ? wanted.flood / 10 : wanted.flood);
    auto const made = static_cast<std::int64_t>(static_cast<double>(rate) * wanted.seconds);
    return std::clamp(made, least, wanted.samples_most);
}

std::string rate_name(std::int64_t rate)
{
    return rate == 0 ? "@max" : fmt::format("@{}", rate);
}

class planner
{
  public:
    explicit planner(wishes const& wanted)
        : wanted_{wanted}
    {}

    void add(lane const& by, std::int64_t rate, std::string const& kind, run more)
    {
        more.lane = by.name;
        more.rate = rate;
        more.samples = samples_of(wanted_, by, rate);
        auto const ending = rate_name(rate) + kind;
        all_.push_back({.name = std::string{by.name} + ending,
                        .baseline = by.baseline.empty() ? "" : std::string{by.baseline} + ending,
                        .by = &by,
                        .wanted = std::move(more)});
    }

    void add_fan_out(lane const& by, std::uint32_t receivers)
    {
        run more = usual();
        more.lane = by.name;
        more.rate = fan_out_rate;
        more.samples = samples_of(wanted_, by, fan_out_rate);
        more.receivers = receivers;
        auto const ending = fmt::format("fan-out-{}", receivers);
        all_.push_back({.name = by.baseline.empty() ? "raw-" + ending : ending,
                        .baseline = by.baseline.empty() ? "" : "raw-" + ending,
                        .by = &by,
                        .wanted = std::move(more),
                        .is_fan_out = true});
    }

    run usual() const
    {
        run out;
        out.payload = wanted_.payloads.front();
        out.pinned = wanted_.pinned;
        return out;
    }

    std::vector<measured_case> taken() { return std::move(all_); }

  private:
    wishes const& wanted_;
    std::vector<measured_case> all_;
};

std::vector<lane const*> lanes_here(wishes const& wanted, scratch const& files)
{
    std::vector<lane const*> out;
    for (auto const& one : lanes()) {
        if (!is_wanted(wanted, one.name))
            continue;
        if (auto const missing = one.missing(files); !missing.empty())
            fmt::print(stderr, "without {}: not here: {}\n", one.name, missing);
        else
            out.push_back(&one);
    }
    return out;
}

bool is_one_rate_only(lane const& one)
{
    return one.name == "cache-line";
}

bool has_places(lane const& one)
{
    for (auto const* name : {"direct", "direct-busy", "raw-eventfd", "raw-spin"})
        if (one.name == name)
            return true;
    return false;
}

result& result_named(std::vector<result>& all, std::string const& name, std::string unit,
                     std::string const& baseline)
{
    for (auto& one : all)
        if (one.name == name)
            return one;
    auto& made = all.emplace_back();
    made.name = name;
    made.unit = std::move(unit);
    made.baseline = baseline;
    return made;
}

void count(result& to, outcome const& from)
{
    to.events += from.events;
    to.conflated += from.conflated;
    to.resyncs += from.resyncs;
    if (from.sleeps)
        to.sleeps = to.sleeps.value_or(0) + *from.sleeps;
}

} // namespace

bool is_wanted(wishes const& wanted, std::string_view lane_name)
{
    return wanted.only.empty() ||
           std::find(wanted.only.begin(), wanted.only.end(), lane_name) != wanted.only.end();
}

std::vector<measured_case> plan(wishes const& wanted, scratch const& files)
{
    planner out{wanted};
    auto const here = lanes_here(wanted, files);
    for (auto const rate : wanted.rates)
        for (auto const* one : here)
            if (is_one_rate_only(*one) ? rate == usual_rate : rate != 0 || one->flat_out)
                out.add(*one, rate, "", out.usual());
    for (std::size_t i = 1; i < wanted.payloads.size(); ++i)
        for (auto const* one : here)
            if (one->payloads) {
                auto more = out.usual();
                more.payload = wanted.payloads[i];
                out.add(*one, usual_rate, fmt::format("-{}B", more.payload), more);
            }
    if (wanted.both_places)
        for (auto const* one : here)
            if (has_places(*one)) {
                auto more = out.usual();
                more.pinned = !more.pinned;
                out.add(*one, usual_rate, more.pinned ? "-pinned" : "-unpinned", more);
            }
    for (auto const receivers : wanted.fan_out)
        for (auto const* name : {"direct", "raw-eventfd"})
            if (is_wanted(wanted, name))
                out.add_fan_out(lane_of(name), receivers);
    return out.taken();
}

outcome measure(measured_case const& one, scratch const& files)
try {
    using namespace std::chrono_literals;
    auto const& made = one.wanted;
    auto const planned = made.flat_out() ? 0s : std::chrono::seconds{made.samples / made.rate};
    return one.by->make(made, 60s + 2 * planned, files);
} catch (std::exception const& failed) {
    throw std::runtime_error{fmt::format("{}: {}", one.name, failed.what())};
}

void add(std::vector<result>& to, measured_case const& one, outcome const& from)
{
    if (one.wanted.flat_out()) {
        auto& rates = result_named(to, one.name, "changes/s", one.baseline);
        rates.take_rate(static_cast<double>(one.wanted.samples) * 1e9 /
                        static_cast<double>(std::max<std::int64_t>(from.elapsed_ns, 1)));
        return count(rates, from);
    }
    auto& latencies = result_named(to, one.name, "us", one.baseline);
    latencies.take(one.wanted.receivers > 1 ? from.last_arrival : from.arrival);
    count(latencies, from);
    if (one.is_fan_out) {
        auto const writer = fmt::format("writer-{}", one.wanted.receivers);
        if (one.baseline.empty())
            result_named(to, "raw-" + writer, "ns", "").take(from.writing);
        else
            result_named(to, writer, "ns", "raw-" + writer).take(from.writing);
    } else if (one.by->name == "direct-busy") {
        result_named(to, one.name + "-in-hand", "us", one.name).take(from.in_hand);
    }
}

void add_null_test(std::vector<result>& to)
{
    result_named(to, "clock-null", "ns", "").take(null_test());
}

} // namespace covey::bench
