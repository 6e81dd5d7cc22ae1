// aims: what is wanted of covey's HTTP.
#pragma once

#include <harness_aims.hpp>
#include <vector>

namespace covey::bench {

std::vector<aim> const& aims();

} // namespace covey::bench
