// idle: connections that are held and on which nothing comes.
#pragma once

#include "talk.hpp"

#include <cstdint>
#include <vector>

namespace covey::bench {

// As many as this process may have open, at most `wanted`: raises its soft limit to do it.
unsigned possible_connections(unsigned wanted);

// That many connections, on each of which one request has been answered: they are idle, not new.
std::vector<talk> idle_connections(std::uint16_t port, unsigned count);

} // namespace covey::bench
