// open_load: requests that come when they come, not when the last one has been answered.
//
// So many a second are due, evenly, whatever the server does; one that is due while every
// connection waits for an answer waits, too. A latency is counted from the moment a request was
// due: a server that stops for a while is blamed for all who came meanwhile, as by its users.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace covey::bench {

struct open_load
{
    std::uint16_t port = 0;
    std::string target = "/";
    unsigned connections = 64;
    std::int64_t per_second = 4'000;
    std::chrono::milliseconds warm_up; // not counted
    std::chrono::milliseconds length;
};

// The latencies in us. Throws runtime_error when something is not answered.
std::vector<double> apply(open_load const& wanted);

} // namespace covey::bench
