#include "plot.hpp"

#include "cases.hpp"

#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <harness_child.hpp>
#include <stdexcept>

namespace covey::bench {

namespace {

// Lines of "1/(1-share) microseconds", up to where a share has ten samples above it.
std::string points_of(distribution const& all)
{
    constexpr double steps_per_decade = 20;
    constexpr double samples_above = 10;
    std::string out;
    auto const last = static_cast<double>(all.count()) / samples_above;
    for (double step = 0;; ++step) {
        auto const one_in = std::pow(10, step / steps_per_decade);
        if (step != 0 && one_in > last)
            return out;
        auto const share = std::max(1 - 1 / one_in, 1e-9);
        out += fmt::format("{} {}\n", one_in,
                           std::max<double>(static_cast<double>(all.percentile(share)), 1) / 1e3);
    }
}

constexpr std::string_view head = R"(set output "{}"
set terminal {}
set title "{}" noenhanced
set xlabel "percentile"
set ylabel "microseconds from when the change was due"
set logscale xy
set xtics ("0 %%" 1, "50 %%" 2, "90 %%" 10, "99 %%" 100, \
"99.9 %%" 1000, "99.99 %%" 10000, "99.999 %%" 100000)
set grid
set key outside right noenhanced
)";

} // namespace

std::string missing_gnuplot()
{
    return find_program("gnuplot").empty() ? "gnuplot" : "";
}

void plot_percentiles(std::string const& file, std::string const& title,
                      std::vector<result> const& all, scratch const& files)
{
    auto const as_svg = file.ends_with(".svg");
    if (!as_svg && !file.ends_with(".png"))
        throw std::runtime_error{"a plot is an .svg or a .png: " + file};
    std::string lines;
    std::string data;
    auto const ending = fmt::format("@{}", usual_rate);
    for (auto const& one : all) {
        if (!one.name.ends_with(ending) || one.all.count() == 0)
            continue;
        auto const number = fmt::format("${}{}", "lane", data.size());
        data += fmt::format("{} << END\n{}END\n", number, points_of(one.all));
        lines += fmt::format("{}{} using 1:2 with lines linewidth 2 title \"{}\"",
                             lines.empty() ? "plot " : ", ", number, one.name);
    }
    if (lines.empty())
        throw std::runtime_error{fmt::format("nothing to plot: no lane was measured {}", ending)};
    auto const script = files.file("plot.gnuplot");
    std::ofstream{script} << fmt::format(fmt::runtime(head), file,
                                         as_svg ? "svg size 1100,700 background 'white'"
                                                : "pngcairo size 1100,700",
                                         title)
                          << data << lines << '\n';
    child::of_program(find_program("gnuplot"), {"gnuplot", script}).wait(std::chrono::minutes{1});
}

} // namespace covey::bench
