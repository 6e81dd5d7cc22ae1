// wrk: a load by wrk, a client that many know: keep-alive, as fast as it is answered.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace covey::bench {

struct wrk_load
{
    std::uint16_t port = 0;
    std::string target = "/";
    unsigned connections = 64;
    unsigned pipelined = 1; // requests sent at once on each
    std::chrono::milliseconds length;
};

struct wrk_result
{
    double per_second = 0;
    double requests = 0; // answered
};

// Throws runtime_error when wrk does, or counts an answer that is not 2xx, or an error.
wrk_result apply(wrk_load const& wanted);

bool is_wrk_installed();

} // namespace covey::bench
