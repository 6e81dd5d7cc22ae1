// harness_load: short connections, as many as a server takes: connect, ask, read the answer, close.
//
// Every request says "Connection: close", so the server closes first, when it has answered, and the
// client has read its end before it closes: nobody resets anybody, and what waits in TIME_WAIT
// waits on the server's side, where it keeps no port from being used again. The client makes the
// least system calls there are for that, and the same ones for every server: socket, connect,
// send, epoll_ctl, a share of an epoll_wait, recv, close.
#pragma once

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace covey::bench {

inline constexpr std::string_view hello_body = "hello world"; // what every server answers with

struct load
{
    std::uint16_t port = 0; // of 127.0.0.1
    std::string target = "/";
    std::string_view body = hello_body; // that is answered; empty: any
    unsigned processes = 1;
    unsigned connections = 1;          // of each process, open at a time
    std::chrono::milliseconds warm_up; // not counted
    std::chrono::milliseconds length;  // counted
};

struct load_result
{
    double per_second = 0;             // connections answered and closed
    std::vector<double> first_byte_us; // of each: from before connect to the answer's first byte
    std::uint64_t all = 0;             // those of the warm-up too
};

// Throws runtime_error when a connection is not answered in full.
load_result apply(load const& wanted);

// One request by itself; the answer's body. Nothing when there is no whole answer in time.
std::optional<std::string> ask(std::uint16_t port, std::string_view target,
                               std::chrono::milliseconds limit);

// A connection to it. Throws system_error.
handle connect_to(std::uint16_t port);

// A port that nobody listens on just now.
std::uint16_t free_port();

} // namespace covey::bench
