// harness_aims: what is wanted of covey against what was measured in the same rounds.
#pragma once

#include "harness.hpp"

#include <iosfwd>
#include <string>
#include <vector>

namespace covey::bench {

// How many times the one is what the other is: a series of unit "x", a quotient a round. Without
// another, the one itself.
struct aim
{
    std::string name;
    std::string above;
    std::string below; // may be empty
    double wanted = 0;
    bool at_least = false; // else at most
};

// Of the aims whose two sides have been measured.
std::vector<series> quotients(std::vector<aim> const& aims, std::vector<series> const& measured);

// For people: a line for each of those, won or lost.
void print_verdicts(std::ostream& out, std::vector<aim> const& aims,
                    std::vector<finding> const& findings);

} // namespace covey::bench
