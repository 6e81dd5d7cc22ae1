#include "harness_aims.hpp"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <ostream>
#include <string_view>

namespace covey::bench {

namespace {

template <class Named>
Named const* find(std::vector<Named> const& all, std::string_view name)
{
    auto const found =
        std::find_if(all.begin(), all.end(), [&](auto const& one) { return one.name == name; });
    return found == all.end() ? nullptr : &*found;
}

bool is_won(aim const& one, double ratio)
{
    return one.at_least ? ratio >= one.wanted : ratio <= one.wanted;
}

} // namespace

std::vector<series> quotients(std::vector<aim> const& aims, std::vector<series> const& measured)
{
    std::vector<series> out;
    for (auto const& one : aims) {
        auto const* const above = find(measured, one.above);
        auto const* const below = find(measured, one.below);
        if (above == nullptr || (below == nullptr && !one.below.empty()))
            continue;
        auto& made = out.emplace_back(
            series{.name = one.name, .unit = below == nullptr ? above->unit : "x"});
        for (std::size_t i = 0; i != above->rounds.size(); ++i) {
            auto const figure = spread_of(above->rounds[i]).median;
            made.rounds.push_back(
                {below == nullptr ? figure : figure / spread_of(below->rounds[i]).median});
        }
    }
    return out;
}

void print_verdicts(std::ostream& out, std::vector<aim> const& aims,
                    std::vector<finding> const& findings)
{
    for (auto const& one : aims)
        if (auto const* const found = find(findings, one.name))
            out << fmt::format(
                "{}: {} is {:.2f} [{:.2f}..{:.2f}] {}, wanted at {} {}: {}\n", one.name, one.above,
                found->rounds.median, found->rounds.least, found->rounds.most,
                one.below.empty() ? found->unit : "x " + one.below, one.at_least ? "least" : "most",
                one.wanted, is_won(one, found->rounds.median) ? "won" : "lost");
}

} // namespace covey::bench
