// allowed_cpus: how many CPUs this process may use: what "--workers auto" means.
//
// The smaller of the affinity mask and the cgroup's quota, which a container sets and which
// counting the machine's cores does not see.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace covey::supervision {

// At least 1.
std::uint32_t allowed_cpus();

// The numbers of the affinity mask's CPUs, rising.
std::vector<std::uint32_t> affinity_cpus();

// What a cgroup's cpu.max ("max 100000", "150000 100000": quota and period in microseconds) allows,
// rounded up; nullopt when it sets no limit or is not of that form.
std::optional<std::uint32_t> quota_cpus(std::string_view cpu_max);

} // namespace covey::supervision
