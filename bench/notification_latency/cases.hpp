// cases: which runs make up a round, and what is taken from them.
//
//   LANE@RATE            open loop at so many changes a second; LANE@max: as many as go
//   LANE@1000-100B       changes of that size
//   LANE@1000-pinned     sender and receiver on a CPU each (-unpinned, when all others are)
//   direct-busy@...-in-hand   until the handler has read the value
//   fan-out-N            100 changes a second to N sleeping workers, until the last one was told
//   writer-N             what put() took the writer then
//   raw-fan-out-N, raw-writer-N   the same of raw-eventfd: a write to each one's eventfd
//   clock-null           between two looks at the clock
#pragma once

#include "lane.hpp"
#include "result.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace covey::bench {

// What is asked of the whole bench.
struct wishes
{
    std::int64_t rounds = 5;
    std::vector<std::int64_t> rates{10, 1'000, 100'000, 0}; // 0: as many as go
    std::vector<std::uint32_t> payloads{8};                 // the first one is everybody's
    std::vector<std::uint32_t> fan_out{1, 2, 4, 8, 16, 32, 64};
    double seconds = 1;           // of a case and round
    std::int64_t flood = 100'000; // changes of one without a rate
    std::int64_t samples_most = 20'000;
    std::vector<std::string> only; // lanes; empty: all
    bool pinned = false;
    bool both_places = false; // pinned and not
    bool counts = true;       // system calls, in runs of their own
    bool awake = false;
};

constexpr std::int64_t usual_rate = 1'000; // at which payloads and places are compared
constexpr std::int64_t fan_out_rate = 100; // at which all receivers have gone to sleep again

struct measured_case
{
    std::string name;
    std::string baseline;
    lane const* by = nullptr;
    run wanted;
    bool is_fan_out = false;
};

// Of the lanes that are wanted and can run here. Starts the peers' servers, and names what is
// missing on standard error.
std::vector<measured_case> plan(wishes const& wanted, scratch const& files);

// Whether a lane was asked for.
bool is_wanted(wishes const& wanted, std::string_view lane_name);

// Makes the case's run. Throws runtime_error that names the case.
outcome measure(measured_case const& one, scratch const& files);

// Adds a round's outcome to the results, which come into being in the order of their first rounds.
void add(std::vector<result>& to, measured_case const& one, outcome const& from);

// Its result of the clock alone.
void add_null_test(std::vector<result>& to);

} // namespace covey::bench
