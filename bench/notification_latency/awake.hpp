// awake: keeps the machine's CPUs from sleeping, as they are on a busy one.
#pragma once

#include <harness_child.hpp>
#include <vector>

namespace covey::bench {

// One for each CPU this process may use: they take what time nobody wants.
std::vector<child> keep_cpus_awake();

} // namespace covey::bench
