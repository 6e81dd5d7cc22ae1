// plot: the percentiles of all lanes in one picture, drawn by gnuplot.
#pragma once

#include "result.hpp"

#include <harness_scratch.hpp>
#include <string>
#include <vector>

namespace covey::bench {

std::string missing_gnuplot(); // empty: nothing

// Of the results at the usual rate, payload and place. FILE ends with .svg or .png. Throws
// runtime_error when gnuplot does.
void plot_percentiles(std::string const& file, std::string const& title,
                      std::vector<result> const& all, scratch const& files);

} // namespace covey::bench
