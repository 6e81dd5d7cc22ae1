#include "aims.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace covey::bench {

namespace {

series const* find(std::vector<series> const& all, std::string_view name)
{
    auto const found =
        std::find_if(all.begin(), all.end(), [&](auto const& one) { return one.name == name; });
    return found == all.end() ? nullptr : &*found;
}

double median(series const& one)
{
    return evaluate({{.name = one.name, .unit = one.unit, .rounds = one.rounds}})
        .front()
        .rounds.median;
}

// Of all the samples of all rounds.
double p99(series const& one)
{
    auto const found = evaluate({{.name = one.name, .unit = one.unit, .rounds = one.rounds}});
    return found.front().tails ? found.front().tails->p99 : median(one);
}

series const* better(series const* one, series const* other)
{
    if (one == nullptr || other == nullptr)
        return one == nullptr ? other : one;
    return median(*one) < median(*other) ? other : one;
}

series round_by_round(std::string name, series const& above, series const& below)
{
    series out{.name = std::move(name), .unit = "x"};
    for (std::size_t i = 0; i != above.rounds.size(); ++i)
        out.rounds.push_back(
            {spread_of(above.rounds[i]).median / spread_of(below.rounds[i]).median});
    return out;
}

} // namespace

std::vector<series> aims(std::vector<series> const& measured)
{
    auto const of = [&](std::string_view name) { return find(measured, name); };
    struct aim
    {
        char const* name;
        series const* above;
        series const* below;
    };
    std::vector<series> out;
    for (auto const& [name, above, below] :
         {aim{"aim-reuseport", of("reuseport"), better(of("nginx-reuseport"), of("nginx-shared"))},
          aim{"aim-least_loaded", of("least_loaded"), of("reuseport")},
          aim{"aim-node", of("least_loaded"), of("node-round_robin")},
          aim{"aim-handles", of("pass-covey"), of("pass-node")}})
        if (above != nullptr && below != nullptr)
            out.push_back(round_by_round(name, *above, *below));
    if (auto const* const covey = of("respawn-covey"), * const bare = of("respawn-bare");
        covey != nullptr && bare != nullptr)
        out.push_back({.name = "aim-respawn", .unit = "x", .rounds = {{p99(*covey) / p99(*bare)}}});
    return out;
}

} // namespace covey::bench
