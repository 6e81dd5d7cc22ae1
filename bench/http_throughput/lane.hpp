// lane: one server doing one errand, and what is measured of it.
#pragma once

#include "contenders.hpp"

#include <chrono>
#include <cstdint>
#include <harness.hpp>
#include <map>
#include <string>
#include <vector>

namespace covey::bench {

// One way to ask.
struct way
{
    std::string name;
    unsigned connections = 64;
    unsigned pipelined = 1;
};
std::vector<way> const& ways(); // by wrk: c64, c256, p16

struct lane_settings
{
    std::chrono::milliseconds length{1'000}; // of each load
    std::int64_t per_second = 4'000;         // requests due, of the open load
    unsigned idle = 10'000;                  // connections that are held meanwhile
    bool counts_instructions = false;
};

class lane
{
  public:
    // Both live longer.
    lane(contender const& who, running_server const& where, errand const& what,
         lane_settings const& settings);

    // ---- every round ----
    void take(way const& by); // NAME-WAY, NAME-WAY-cpu; of c64 the instructions, too
    void take_short();        // NAME-short, -cpu: a connection for every request
    void take_open();         // NAME-open: latencies at a fixed rate; their p99
    void take_idle();         // NAME-idle...: the same while many others hold a connection

    // ---- once ----
    void count_steps(unsigned connections);    // NAME-steps
    void count_syscalls(scratch const& notes); // NAME-syscalls

    errand const& what() const { return what_; }
    contender const& who() const { return who_; }
    std::string const& name() const { return name_; }
    std::vector<series> measured() const;
    std::map<std::string, double> const& syscalls() const { return syscalls_; }

  private:
    series& of(std::string const& suffix, std::string const& unit, std::string const& base = "");
    void note(std::string const& suffix, std::string const& unit, double figure);
    std::vector<double> apply_open() const;

    contender const& who_;
    running_server const& where_;
    errand const& what_;
    lane_settings const& settings_;
    std::string name_; // covey-hello
    std::vector<series> measured_;
    std::map<std::string, double> syscalls_; // a request
};

} // namespace covey::bench
