// harness: what every bench ends with: rounds in, medians and ratios out, as a table or as JSON.
//
// On a machine that is shared, figures of two different minutes cannot be compared (a factor of two
// was measured). So a bench takes every case once a round, in turn, and a case's ratio to its
// baseline is taken within each round; what is printed is the median of the rounds, and how far
// they lie apart.
#pragma once

#include "harness_machine.hpp"

#include <cstdint>
#include <iosfwd>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace covey::bench {

// What was measured of one case. A round holds its samples, or one figure (a rate).
struct series
{
    std::string name;
    std::string unit;
    std::string baseline = {}; // the name of another series with as many rounds; empty: none
    std::vector<std::vector<double>> rounds = {};
};

// The same number of a round's own kind: of samples their median.
struct spread
{
    double median = 0;
    double least = 0;
    double most = 0;
    double mad = 0; // median of the distances from the median
};
spread spread_of(std::vector<double> figures); // not empty

struct percentiles
{
    double p50 = 0;
    double p90 = 0;
    double p99 = 0;
    double p999 = 0;
    double most = 0;
};

struct finding
{
    std::string name;
    std::string unit;
    spread rounds;                    // of the rounds' medians
    std::optional<percentiles> tails; // of all samples together; none where a round is one figure
    std::uint64_t n = 0;              // samples, or figures
    std::string baseline;
    std::optional<spread> ratio; // to the baseline, round by round
    keyed_figures more = {};     // keys of the JSON object that this bench has besides
};

// Takes the baselines away that are not among them: a case that was taken without has no ratio.
void forget_missing_baselines(std::vector<series>& measured);

// One finding for each series, in their order. No series and no round may be empty.
std::vector<finding> evaluate(std::vector<series> const& measured);

// For people: the machine, on two lines.
void print_machine(std::ostream& out, machine const& where);

// The same, then one line a case.
void print_table(std::ostream& out, machine const& where, std::vector<finding> const& findings);

// For machines: an array of objects with the keys case, unit, median, mad, p50, p90, p99, p999,
// max, n, baseline, ratio; what does not apply is null. The first object is the machine's.
void print_json(std::ostream& out, machine const& where, std::vector<finding> const& findings);

// Three digits that count; whole numbers with their thousands apart.
std::string figure(double value);

// "MEDIAN [LEAST..MOST] x BASELINE"; empty when there is none.
std::string versus(finding const& one);

} // namespace covey::bench
