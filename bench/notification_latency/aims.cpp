#include "aims.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fmt/format.h>
#include <harness.hpp>
#include <ostream>
#include <string>
#include <string_view>

namespace covey::bench {

namespace {

// How many times the one is what the other is.
struct aim
{
    std::string_view name;
    std::string_view above;
    std::string_view below;
    double wanted;
    bool at_least = false; // else at most
    bool p99 = false;      // else the medians, or rates

    bool is_met(double ratio) const { return at_least ? ratio >= wanted : ratio <= wanted; }
    std::string wish() const
    {
        return fmt::format("at {} {}", at_least ? "least" : "most", wanted);
    }
    std::string sides() const
    {
        auto const* const of = p99 ? " p99" : "";
        return fmt::format("{}{} / {}{}", above, of, below, of);
    }
};

constexpr std::array aims{
    aim{"aim-spinning", "direct-busy@1000", "cache-line@1000", 2},
    aim{"aim-spinning-in-hand", "direct-busy@1000-in-hand", "cache-line@1000", 3},
    aim{"aim-asleep", "direct@1000", "raw-eventfd@1000", 1.15},
    aim{"aim-asleep-p99", "direct@1000", "raw-eventfd@1000", 1.3, false, true},
    aim{"aim-redis", "redis-pubsub@1000", "direct@1000", 3.5, true},
    aim{"aim-node", "node@1000", "direct@1000", 8, true},
    aim{"aim-flat", "direct@max", "raw-eventfd@max", 0.8, true},
    aim{"aim-writer", "writer-64", "writer-1", 1.5},
};

std::string verdict(aim const& one, double ratio)
{
    return one.is_met(ratio) ? "met" : "missed";
}

} // namespace

std::vector<result> quotients(std::vector<result> const& measured)
{
    std::vector<result> out;
    for (auto const& one : aims) {
        auto const* const above = find(measured, one.above);
        auto const* const below = find(measured, one.below);
        if (above == nullptr || below == nullptr)
            continue;
        auto const& tops = one.p99 ? above->p99s : above->rounds;
        auto const& bottoms = one.p99 ? below->p99s : below->rounds;
        auto& made = out.emplace_back();
        made.name = one.name;
        made.unit = "x";
        for (std::size_t i = 0; i != std::min(tops.size(), bottoms.size()); ++i)
            made.rounds.push_back(tops[i] / bottoms[i]);
    }
    return out;
}

void print_verdicts(std::ostream& out, std::vector<result> const& quotients)
{
    for (auto const& one : aims) {
        auto const* const found = find(quotients, one.name);
        if (found == nullptr) {
            out << fmt::format("{}: {}, wanted {}: not measured\n", one.name, one.sides(),
                               one.wish());
            continue;
        }
        auto const all = spread_of(found->rounds);
        out << fmt::format("{}: {} is {:.2f} [{:.2f}..{:.2f}], wanted {}: {}\n", one.name,
                           one.sides(), all.median, all.least, all.most, one.wish(),
                           verdict(one, all.median));
    }
}

void print_verdicts_markdown(std::ostream& out, std::vector<result> const& quotients)
{
    out << "| aim | wanted | measured [least..most] | |\n|---|---|---|---|\n";
    for (auto const& one : aims) {
        auto const* const found = find(quotients, one.name);
        if (found == nullptr) {
            out << fmt::format("| `{}` | {} | not measured | |\n", one.sides(), one.wish());
            continue;
        }
        auto const all = spread_of(found->rounds);
        out << fmt::format("| `{}` | {} | {:.2f} [{:.2f}..{:.2f}] | {} |\n", one.sides(),
                           one.wish(), all.median, all.least, all.most, verdict(one, all.median));
    }
}

} // namespace covey::bench
