// report: what was measured, for people: a line for each server and errand, and a plot.
#pragma once

#include <harness.hpp>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace covey::bench {

// The medians of every case whose name begins with one of `lanes`.
void print_lanes(std::ostream& out, std::vector<std::string> const& lanes,
                 std::vector<finding> const& findings);

// "covey-hello: recvfrom 1.00, sendto 1.00, epoll_wait 0.03": what is seldom is left out.
void print_syscalls(std::ostream& out, std::string const& lane,
                    std::map<std::string, double> const& calls);

// Requests a second with 64 connections, and CPU time a request, as bars in an SVG file. Throws
// runtime_error when gnuplot is not installed or fails.
void plot(std::string const& file, std::vector<std::string> const& lanes,
          std::vector<finding> const& findings);

} // namespace covey::bench
