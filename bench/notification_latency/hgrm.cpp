#include "hgrm.hpp"

#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <ostream>

namespace covey::bench {

namespace {

constexpr double ticks_per_half = 5; // of the distance to 100 %

constexpr double microseconds(double nanoseconds)
{
    return nanoseconds / 1e3;
}

} // namespace

void print_hgrm(std::ostream& out, distribution const& all)
{
    out << fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount",
                       "1/(1-Percentile)");
    auto const most = static_cast<double>(all.most());
    for (double share = 0;;) {
        auto const value = all.percentile(share);
        auto const passed = all.count_to(value);
        if (passed >= all.count())
            break;
        out << fmt::format("{:12.3f} {:14.12f} {:10} {:14.2f}\n",
                           microseconds(static_cast<double>(value)), share, passed,
                           1 / (1 - share));
        auto const halvings = std::floor(std::log2(1 / (1 - share))) + 1;
        share += 1 / (ticks_per_half * std::exp2(halvings));
    }
    out << fmt::format("{:12.3f} {:14.12f} {:10}\n", microseconds(most), 1.0, all.count());
    out << fmt::format("#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n",
                       microseconds(all.mean()), microseconds(all.deviation()));
    out << fmt::format("#[Max     = {:12.3f}, Total count    = {:12}]\n", microseconds(most),
                       all.count());
    out << fmt::format("#[Buckets = {:12}, SubBuckets     = {:12}]\n",
                       latency_histogram::bits_most - 10, latency_histogram::linear);
}

void write_hgrm_files(std::string const& folder, std::vector<result> const& all)
{
    std::filesystem::create_directories(folder);
    for (auto const& one : all) {
        if (one.all.count() == 0)
            continue;
        std::ofstream file;
        file.exceptions(std::ios::failbit | std::ios::badbit);
        file.open(fmt::format("{}/{}.hgrm", folder, one.name));
        print_hgrm(file, one.all);
    }
}

} // namespace covey::bench
