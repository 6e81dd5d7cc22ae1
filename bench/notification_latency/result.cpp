#include "result.hpp"

#include <algorithm>
#include <cstddef>

namespace covey::bench {

namespace {

std::optional<double> number(std::optional<std::uint64_t> from)
{
    return from ? std::optional{static_cast<double>(*from)} : std::nullopt;
}

void add_figures(finding& to, result const& from)
{
    auto const& all = from.all;
    auto const at = [&](double share) { return from.in_unit(all.percentile(share)); };
    if (all.count() != 0) {
        to.tails = {at(0.5), at(0.9), at(0.99), at(0.999), from.in_unit(all.most())};
        to.n = all.count();
    }
    to.more = {{"p9999", all.count() == 0 ? std::nullopt : std::optional{at(0.9999)}},
               {"events", number(from.events)},
               {"conflated", number(from.conflated)},
               {"resyncs", number(from.resyncs)},
               {"sleeps_per_event", from.sleeps_per_event()},
               {"sender_syscalls", from.sender_calls},
               {"receiver_syscalls", from.receiver_calls}};
}

} // namespace

void result::take(distribution const& round)
{
    rounds.push_back(in_unit(round.percentile(0.5)));
    p99s.push_back(in_unit(round.percentile(0.99)));
    all.add(round);
}

void result::take_rate(double per_second)
{
    rounds.push_back(per_second);
}

double result::in_unit(std::int64_t nanoseconds) const
{
    return static_cast<double>(nanoseconds) / (unit == "us" ? 1e3 : 1);
}

std::optional<double> result::sleeps_per_event() const
{
    if (!sleeps || events == 0)
        return std::nullopt;
    return static_cast<double>(*sleeps) / static_cast<double>(events);
}

result const* find(std::vector<result> const& all, std::string_view name)
{
    auto const found =
        std::find_if(all.begin(), all.end(), [&](auto const& one) { return one.name == name; });
    return found == all.end() ? nullptr : &*found;
}

std::vector<finding> findings_of(std::vector<result> const& all)
{
    std::vector<series> rounds;
    for (auto const& one : all) {
        auto& made = rounds.emplace_back();
        made.name = one.name;
        made.unit = one.unit;
        if (find(all, one.baseline) != nullptr)
            made.baseline = one.baseline;
        for (auto const figure : one.rounds)
            made.rounds.push_back({figure});
    }
    auto out = evaluate(rounds);
    for (std::size_t i = 0; i != out.size(); ++i)
        add_figures(out[i], all[i]);
    return out;
}

} // namespace covey::bench
