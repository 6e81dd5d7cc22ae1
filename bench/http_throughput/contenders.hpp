// contenders: the servers that are compared, and what they are asked for.
#pragma once

#include <functional>
#include <harness_peer.hpp>
#include <harness_scratch.hpp>
#include <harness_server.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace covey::bench {

inline constexpr unsigned worker_count = 2; // of every server

struct errand
{
    std::string name;      // hello, counter, session
    std::string target;    // what is asked for
    std::string_view body; // what is answered; empty: it differs
};
std::vector<errand> const& errands();

// A server that is up, with what it needs beside it.
struct running_server
{
    std::vector<peer_program> helpers; // end after it
    server http;

    std::vector<pid_t> processes() const; // of the server and its helpers
};

struct contender
{
    std::string name;
    std::vector<std::string> errands;     // those it has
    bool native = true;                   // runs as it is compiled: its instructions can be counted
    std::function<std::string()> missing; // what is not installed; empty: nothing
    std::function<running_server(scratch const&)> start;

    bool has(errand const& what) const;
};

// Those of bench/README.md's table, covey's first; covey spreads connections by `dispatch`.
std::vector<contender> contenders(std::string const& dispatch);

} // namespace covey::bench
