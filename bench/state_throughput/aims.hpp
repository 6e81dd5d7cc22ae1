// aims: what is wanted of operations on the state.
#pragma once

#include <harness_aims.hpp>
#include <vector>

namespace covey::bench {

std::vector<aim> const& aims();

} // namespace covey::bench
