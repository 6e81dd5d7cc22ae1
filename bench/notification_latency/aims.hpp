// aims: what is wanted of covey against what was measured in the same rounds.
#pragma once

#include "result.hpp"

#include <iosfwd>
#include <vector>

namespace covey::bench {

// A result of unit "x", a quotient a round, for each aim whose two sides have been measured.
std::vector<result> quotients(std::vector<result> const& measured);

// For people: a line for each aim: met, missed, or not measured.
void print_verdicts(std::ostream& out, std::vector<result> const& quotients);

// The same as a table in markdown.
void print_verdicts_markdown(std::ostream& out, std::vector<result> const& quotients);

} // namespace covey::bench
