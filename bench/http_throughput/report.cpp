#include "report.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <harness_child.hpp>
#include <harness_scratch.hpp>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string_view>

namespace covey::bench {

namespace {

constexpr double seldom = 0.005; // calls a request

finding const* find(std::vector<finding> const& all, std::string_view name)
{
    auto const found =
        std::find_if(all.begin(), all.end(), [&](auto const& one) { return one.name == name; });
    return found == all.end() ? nullptr : &*found;
}

struct column
{
    char const* head;
    char const* suffix;
    int digits;
    double percentiles::*tail = nullptr; // this one instead of the median
};
constexpr std::array columns{
    column{"c64 req/s", "c64", 0},
    column{"us CPU", "c64-cpu", 1},
    column{"c256 req/s", "c256", 0},
    column{"us CPU", "c256-cpu", 1},
    column{"p16 req/s", "p16", 0},
    column{"us CPU", "p16-cpu", 1},
    column{"conn/s", "short", 0},
    column{"us CPU", "short-cpu", 1},
    column{"p50 us", "open", 0, &percentiles::p50},
    column{"p99", "open", 0, &percentiles::p99},
    column{"p99.9", "open", 0, &percentiles::p999},
    column{"steps", "steps", 0},
    column{"user", "user", 0},
    column{"kernel", "kernel", 0},
    column{"calls", "syscalls", 2},
};

std::string cell(column const& of, std::string const& lane, std::vector<finding> const& findings)
{
    auto const* const found = find(findings, fmt::format("{}-{}", lane, of.suffix));
    if (found == nullptr || (of.tail != nullptr && !found->tails))
        return "";
    return fmt::format(
        "{:.{}f}", of.tail != nullptr ? (*found->tails).*of.tail : found->rounds.median, of.digits);
}

} // namespace

void print_lanes(std::ostream& out, std::vector<std::string> const& lanes,
                 std::vector<finding> const& findings)
{
    out << fmt::format("{:14}", "");
    for (auto const& each : columns)
        out << fmt::format(" {:>10}", each.head);
    out << '\n';
    for (auto const& lane : lanes) {
        out << fmt::format("{:14}", lane);
        for (auto const& each : columns)
            out << fmt::format(" {:>10}", cell(each, lane, findings));
        out << '\n';
    }
}

void print_syscalls(std::ostream& out, std::string const& lane,
                    std::map<std::string, double> const& calls)
{
    std::vector<std::pair<std::string, double>> sorted{calls.begin(), calls.end()};
    std::sort(sorted.begin(), sorted.end(),
              [](auto const& a, auto const& b) { return a.second > b.second; });
    out << lane << ':';
    char const* between = " ";
    for (auto const& [name, times] : sorted)
        if (times >= seldom) {
            out << between << fmt::format("{} {:.2f}", name, times);
            between = ", ";
        }
    out << '\n';
}

void plot(std::string const& file, std::vector<std::string> const& lanes,
          std::vector<finding> const& findings)
{
    auto const gnuplot = find_program("gnuplot");
    if (gnuplot.empty())
        throw std::runtime_error{"gnuplot is not installed: no plot"};
    scratch const notes;
    auto const script = notes.file("plot");
    std::ofstream to{script};
    to << "$lanes << end\n";
    for (auto const& lane : lanes) {
        auto const* const rate = find(findings, lane + "-c64");
        auto const* const cpu = find(findings, lane + "-c64-cpu");
        if (rate != nullptr && cpu != nullptr)
            to << fmt::format("{} {} {} {} {}\n", lane, rate->rounds.median, rate->rounds.mad,
                              cpu->rounds.median, cpu->rounds.mad);
    }
    to << "end\n"
          "set terminal svg size 900,900 background 'white'\n"
       << fmt::format("set output '{}'\n", file)
       << "set multiplot layout 2,1\n"
          "set style data histogram\n"
          "set style histogram errorbars gap 1\n"
          "set style fill solid 0.6\n"
          "set yrange [0:*]\n"
          "set xtics rotate by -40\n"
          "unset key\n"
          "set title 'requests a second, 64 connections'\n"
          "plot $lanes using 2:3:xtic(1)\n"
          "set title 'us of CPU time a request'\n"
          "plot $lanes using 4:5:xtic(1)\n";
    to.close();
    child::of_program(gnuplot, {"gnuplot", script}).wait(std::chrono::seconds{30});
}

} // namespace covey::bench
