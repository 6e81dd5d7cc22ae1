// lane: one server, and what is measured of the short connections it takes.
#pragma once

#include "server.hpp"

#include <chrono>
#include <harness.hpp>
#include <string>
#include <vector>

namespace covey::bench {

// Who is compared, under which name, and with whom.
struct contender
{
    std::string name;
    kind which;
    std::string baseline; // another contender's name, or none
};

std::vector<contender> const& contenders();

class lane
{
  public:
    lane(contender const& one, scratch const& notes); // starts the server

    // 64 connections at a time for that long, then one at a time for a quarter of it.
    void take_round(std::chrono::milliseconds length);

    std::string const& name() const { return rate_.name; }

    // NAME in connections a second, NAME-first in us to the first byte, NAME-cpu in us of CPU time
    // a connection.
    std::vector<series> measured() const { return {rate_, first_, cpu_}; }

  private:
    server running_;
    series rate_;
    series first_;
    series cpu_;
};

} // namespace covey::bench
