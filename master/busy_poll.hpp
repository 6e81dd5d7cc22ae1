// busy_poll: what is to be said about workers that look for changes all the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace covey::supervision {

// A warning when `workers` that look for changes for `budget` before they sleep have fewer CPUs
// than they are; else empty. What was asked for is done all the same.
std::string busy_poll_warning(std::chrono::microseconds budget, std::uint32_t workers,
                              std::uint32_t cpus);

} // namespace covey::supervision
