// report: what was measured, for people.
#pragma once

#include "result.hpp"

#include <harness_machine.hpp>
#include <iosfwd>
#include <string>
#include <vector>

namespace covey::bench {

// The machine on the first lines, then a line a result, the aims at the end.
void print_report(std::ostream& out, machine const& where, std::string const& verdict,
                  std::vector<result> const& all, std::vector<result> const& quotients);

// The same, for a page of documentation.
void print_markdown(std::ostream& out, machine const& where, std::string const& verdict,
                    std::vector<result> const& all, std::vector<result> const& quotients);

} // namespace covey::bench
