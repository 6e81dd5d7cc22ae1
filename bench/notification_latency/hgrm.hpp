// hgrm: a distribution as a percentile file in HdrHistogram's format, which its plotters read.
#pragma once

#include "result.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace covey::bench {

// Values in microseconds.
void print_hgrm(std::ostream& out, distribution const& all);

// FOLDER/NAME.hgrm for every result that has a distribution; makes the folder. Throws
// runtime_error or system_error.
void write_hgrm_files(std::string const& folder, std::vector<result> const& all);

} // namespace covey::bench
