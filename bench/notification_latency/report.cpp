#include "report.hpp"

#include "aims.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ostream>

namespace covey::bench {

namespace {

using cells = std::vector<std::string>;

cells const titles{"case",   "unit",    "median", "mad",   "p90",
                   "p99",    "p99.9",   "p99.99", "max",   "n",
                   "folded", "resyncs", "sleeps", "calls", "ratio [least..most] to the baseline"};

std::string two_digits(std::optional<double> value)
{
    return value ? fmt::format("{:.2f}", *value) : "";
}

std::optional<double> more_of(finding const& from, std::string_view key)
{
    for (auto const& [name, value] : from.more)
        if (name == key)
            return value;
    return std::nullopt;
}

std::string count_of(finding const& from, std::string_view key)
{
    auto const value = more_of(from, key).value_or(0);
    return value == 0 ? "" : fmt::format("{:.0f}", value);
}

// "sender + receiver"
std::string calls_of(finding const& from)
{
    auto const sender = more_of(from, "sender_syscalls");
    auto const receiver = more_of(from, "receiver_syscalls");
    return sender && receiver ? fmt::format("{:.2f}+{:.2f}", *sender, *receiver) : "";
}

cells row_of(finding const& from)
{
    auto const tail = [&](double percentiles::*which) {
        return from.tails ? figure((*from.tails).*which) : "";
    };
    auto const p9999 = more_of(from, "p9999");
    return {from.name,
            from.unit,
            figure(from.rounds.median),
            figure(from.rounds.mad),
            tail(&percentiles::p90),
            tail(&percentiles::p99),
            tail(&percentiles::p999),
            p9999 ? figure(*p9999) : "",
            tail(&percentiles::most),
            std::to_string(from.n),
            count_of(from, "conflated"),
            count_of(from, "resyncs"),
            two_digits(more_of(from, "sleeps_per_event")),
            calls_of(from),
            versus(from)};
}

std::vector<cells> rows_of(std::vector<result> const& all)
{
    std::vector<cells> out;
    for (auto const& one : findings_of(all))
        out.push_back(row_of(one));
    return out;
}

std::string described(machine const& where)
{
    auto out = fmt::format("{}, {} CPUs, Linux {}, commit {}, {}; {}", where.cpu, where.cpus,
                           where.kernel, where.commit, where.build, where.settings);
    for (auto const& [name, value] : where.more)
        if (value && name.ends_with("_ns")) // the verdict tells the others
            out += fmt::format("; {} {}", name, figure(*value));
    return out;
}

} // namespace

void print_report(std::ostream& out, machine const& where, std::string const& verdict,
                  std::vector<result> const& all, std::vector<result> const& quotients)
{
    out << described(where) << '\n' << verdict << '\n';
    auto rows = rows_of(all);
    rows.insert(rows.begin(), titles);
    std::vector<std::size_t> widths(titles.size());
    for (auto const& each : rows)
        for (std::size_t i = 0; i != each.size(); ++i)
            widths[i] = std::max(widths[i], each[i].size());
    for (auto const& each : rows) {
        std::string line;
        for (std::size_t i = 0; i + 1 != each.size(); ++i)
            line += i < 2 ? fmt::format("{:<{}}  ", each[i], widths[i])
                          : fmt::format("{:>{}}  ", each[i], widths[i]);
        out << line << each.back() << '\n';
    }
    out << "folded: changes that a newer one was told instead of; sleeps: of all receivers, a "
           "change told; calls: system calls a change, sender + receiver\n";
    print_verdicts(out, quotients);
}

void print_markdown(std::ostream& out, machine const& where, std::string const& verdict,
                    std::vector<result> const& all, std::vector<result> const& quotients)
{
    out << described(where) << ".\n" << verdict << ".\n\n";
    out << fmt::format("| {} |\n|---|---", fmt::join(titles, " | "));
    for (std::size_t i = 2; i + 1 < titles.size(); ++i)
        out << "|---:";
    out << "|---|\n";
    for (auto each : rows_of(all)) {
        each.front() = fmt::format("`{}`", each.front());
        out << fmt::format("| {} |\n", fmt::join(each, " | "));
    }
    out << '\n';
    print_verdicts_markdown(out, quotients);
}

} // namespace covey::bench
