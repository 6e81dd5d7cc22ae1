#include "harness.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fmt/format.h>
#include <ostream>
#include <stdexcept>
#include <string_view>

namespace covey::bench {

namespace {

// By nearest rank: a figure that was measured.
double percentile(std::vector<double> const& sorted, double share)
{
    auto const rank = std::ceil(share * static_cast<double>(sorted.size()));
    return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

double middle(std::vector<double> figures)
{
    std::sort(figures.begin(), figures.end());
    auto const half = figures.size() / 2;
    return figures.size() % 2 == 1 ? figures[half] : (figures[half - 1] + figures[half]) / 2;
}

std::vector<double> medians(series const& one)
{
    std::vector<double> out;
    for (auto const& round : one.rounds)
        out.push_back(middle(round));
    return out;
}

std::vector<double> ratios(series const& one, std::vector<series> const& all)
{
    auto const base = std::find_if(all.begin(), all.end(),
                                   [&](auto const& other) { return other.name == one.baseline; });
    if (base == all.end() || base->rounds.size() != one.rounds.size())
        throw std::logic_error{one.name + " has no baseline of as many rounds: " + one.baseline};
    auto out = medians(one);
    auto const below = medians(*base);
    for (std::size_t i = 0; i != out.size(); ++i)
        out[i] /= below[i];
    return out;
}

// ---- JSON
// ----------------------------------------------------------------------------------------

std::string quoted(std::string_view text)
{
    std::string out = "\"";
    for (char const byte : text) {
        if (byte == '"' || byte == '\\')
            out += '\\';
        if (static_cast<unsigned char>(byte) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<int>(byte));
        else
            out += byte;
    }
    return out + '"';
}

std::string number(std::optional<double> value)
{
    return value && std::isfinite(*value) ? fmt::format("{}", *value) : "null";
}

// What a bench has besides, from the comma on.
std::string rest(keyed_figures const& more)
{
    std::string out;
    for (auto const& [key, value] : more)
        out += fmt::format(",{}:{}", quoted(key), number(value));
    return out;
}

std::string object(machine const& where)
{
    return fmt::format(R"({{"case":"machine","cpu":{},"cpus":{},"kernel":{},"commit":{},)"
                       R"("build":{},"settings":{},"steal_percent":{}{}}})",
                       quoted(where.cpu), where.cpus, quoted(where.kernel), quoted(where.commit),
                       quoted(where.build), quoted(where.settings), number(where.steal_percent),
                       rest(where.more));
}

std::string object(finding const& one)
{
    auto const tail = [&](double percentiles::*which) {
        return number(one.tails ? std::optional{(*one.tails).*which} : std::nullopt);
    };
    return fmt::format(
        R"({{"case":{},"unit":{},"median":{},"mad":{},"p50":{},"p90":{},"p99":{},"p999":{},)"
        R"("max":{},"n":{},"baseline":{},"ratio":{}{}}})",
        quoted(one.name), quoted(one.unit), number(one.rounds.median), number(one.rounds.mad),
        tail(&percentiles::p50), tail(&percentiles::p90), tail(&percentiles::p99),
        tail(&percentiles::p999), tail(&percentiles::most), one.n,
        one.ratio ? quoted(one.baseline) : "null",
        number(one.ratio ? std::optional{one.ratio->median} : std::nullopt), rest(one.more));
}

} // namespace

spread spread_of(std::vector<double> figures)
{
    auto const [least, most] = std::minmax_element(figures.begin(), figures.end());
    spread out{.median = middle(figures), .least = *least, .most = *most};
    for (auto& each : figures)
        each = std::abs(each - out.median);
    out.mad = middle(std::move(figures));
    return out;
}

void forget_missing_baselines(std::vector<series>& measured)
{
    for (auto& one : measured)
        if (std::none_of(measured.begin(), measured.end(),
                         [&](auto const& other) { return other.name == one.baseline; }))
            one.baseline.clear();
}

std::vector<finding> evaluate(std::vector<series> const& measured)
{
    std::vector<finding> out;
    for (auto const& one : measured) {
        auto& made = out.emplace_back();
        made.name = one.name;
        made.unit = one.unit;
        made.baseline = one.baseline;
        made.rounds = spread_of(medians(one));
        std::vector<double> all;
        for (auto const& round : one.rounds)
            all.insert(all.end(), round.begin(), round.end());
        std::sort(all.begin(), all.end());
        made.n = all.size();
        if (all.size() > one.rounds.size())
            made.tails = {percentile(all, 0.5), percentile(all, 0.9), percentile(all, 0.99),
                          percentile(all, 0.999), all.back()};
        if (!one.baseline.empty())
            made.ratio = spread_of(ratios(one, measured));
    }
    return out;
}

void print_machine(std::ostream& out, machine const& where)
{
    out << fmt::format("{}, {} CPUs, Linux {}, commit {}, {}; {}\n", where.cpu, where.cpus,
                       where.kernel, where.commit, where.build, where.settings);
    out << fmt::format("steal {:.1f} %{}\n", where.steal_percent,
                       where.steal_percent > machine::steal_percent_quiet
                           ? ": the host was busy, so these figures are not to be quoted"
                           : "");
}

void print_table(std::ostream& out, machine const& where, std::vector<finding> const& findings)
{
    print_machine(out, where);
    std::size_t widest = 0;
    for (auto const& one : findings)
        widest = std::max(widest, one.name.size());
    constexpr char const* row = "{:{}} {:9} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>7}  {}\n";
    out << fmt::format(fmt::runtime(row), "case", widest, "unit", "median", "mad", "p90", "p99",
                       "p99.9", "max", "n", "ratio [least..most] to the baseline");
    for (auto const& one : findings) {
        auto const tail = [&](double percentiles::*which) {
            return one.tails ? figure((*one.tails).*which) : "";
        };
        out << fmt::format(fmt::runtime(row), one.name, widest, one.unit, figure(one.rounds.median),
                           figure(one.rounds.mad), tail(&percentiles::p90), tail(&percentiles::p99),
                           tail(&percentiles::p999), tail(&percentiles::most), one.n, versus(one));
    }
}

std::string figure(double value)
{
    if (value < 1'000)
        return fmt::format("{:.{}f}", value, value < 10 ? 2 : value < 100 ? 1 : 0);
    auto digits = fmt::format("{:.0f}", value);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    return digits;
}

std::string versus(finding const& one)
{
    if (!one.ratio)
        return "";
    return fmt::format("{:.2f} [{:.2f}..{:.2f}] x {}", one.ratio->median, one.ratio->least,
                       one.ratio->most, one.baseline);
}

void print_json(std::ostream& out, machine const& where, std::vector<finding> const& findings)
{
    out << "[\n" << object(where);
    for (auto const& one : findings)
        out << ",\n" << object(one);
    out << "\n]\n";
}

} // namespace covey::bench
