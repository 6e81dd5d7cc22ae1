// calibration: what the clock that everything is measured by is worth here.
#pragma once

#include "latency_histogram.hpp"

#include <cstdint>

namespace covey::bench {

struct clock_worth
{
    double read_ns = 0;             // what one look takes, when nobody interrupts
    std::int64_t resolution_ns = 0; // the least that two looks were apart and not the same
};

clock_worth clock_here();

// What lies between two looks of one thread, one right after the other, some ten thousand times:
// no latency below it can be told, and its tail is what this machine does to everybody.
distribution null_test();

} // namespace covey::bench
