// channel_environment: the one thing a process learns from its environment: which descriptor is its
// channel to the process that started it.
#pragma once

#include "handle.hpp"

#include <string>

namespace covey::protocol {

inline constexpr char const* channel_variable = "COVEY_CHANNEL_FD";

// "COVEY_CHANNEL_FD=5", for a child whose channel is its descriptor 5.
std::string channel_entry(int descriptor);

// The channel this process was started with, taken out of the environment so that its own children
// do not see it, and close-on-exec; an empty handle when there is none. On the thread that changes
// the environment, usually first of all. Throws system_error when the variable names no channel.
handle channel_from_environment();

} // namespace covey::protocol
