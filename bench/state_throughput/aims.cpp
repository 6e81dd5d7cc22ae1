#include "aims.hpp"

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

std::vector<aim> const& aims()
{
    static std::vector<aim> const all{
        {"aim-get", "covey-get", "table-get", 1.1},
        {"aim-get-large", "covey-get-large", "table-get-large", 1.1},
        {"aim-flat", "covey-get-x2", "covey-get", 1.15},
        {"aim-flat-large", "covey-get-x2-large", "covey-get-large", 1.15},
        {"aim-put", "covey-put", "covey-get", 2},
        {"aim-put-large", "covey-put-large", "covey-get-large", 2},
        {"aim-shared_dict", "shared_dict-get", "covey-get", 2.5, true},
        {"aim-shared_dict-put", "shared_dict-put", "covey-put", 2.5, true},
        {"aim-shared_dict-x2", "shared_dict-get-x2", "covey-get-x2", 6, true},
        {"aim-shared_dict-put-x2", "shared_dict-put-x2", "covey-put-x2", 6, true},
        {"aim-counter", "counter-add", "atomic-add", 2},
    };
    return all;
}

std::vector<series> quotients(std::vector<series> const& measured)
{
    std::vector<series> out;
    for (auto const& one : aims()) {
        auto const* const above = find(measured, one.above);
        auto const* const below = find(measured, one.below);
        if (above == nullptr || below == nullptr)
            continue;
        auto& made = out.emplace_back(series{.name = one.name, .unit = "x"});
        for (std::size_t i = 0; i != above->rounds.size(); ++i)
            made.rounds.push_back(
                {spread_of(above->rounds[i]).median / spread_of(below->rounds[i]).median});
    }
    return out;
}

void print_verdicts(std::ostream& out, std::vector<finding> const& findings)
{
    for (auto const& one : aims())
        if (auto const* const found = find(findings, one.name))
            out << fmt::format("{}: {} is {:.2f} [{:.2f}..{:.2f}] x {}, wanted at {} {}: {}\n",
                               one.name, one.above, found->rounds.median, found->rounds.least,
                               found->rounds.most, one.below, one.at_least ? "least" : "most",
                               one.wanted, is_won(one, found->rounds.median) ? "won" : "lost");
}

} // namespace covey::bench
