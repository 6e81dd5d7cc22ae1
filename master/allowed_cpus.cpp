#include "allowed_cpus.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <string>

namespace covey::supervision {

namespace {

// The path of this process's cgroup in the unified hierarchy: the line "0::/path", cgroups(7).
std::string own_cgroup()
{
    std::ifstream file{"/proc/self/cgroup"};
    for (std::string line; std::getline(file, line);)
        if (line.starts_with("0::/"))
            return line.substr(4);
    return {};
}

} // namespace

std::optional<std::uint32_t> quota_cpus(std::string_view cpu_max)
{
    char const* const end = cpu_max.data() + cpu_max.size();
    std::uint64_t quota = 0;
    std::uint64_t period = 0;
    auto const first = std::from_chars(cpu_max.data(), end, quota);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ' ')
        return std::nullopt; // "max ..." as well
    auto const second = std::from_chars(first.ptr + 1, end, period);
    if (second.ec != std::errc{} || period == 0)
        return std::nullopt;
    auto const whole = quota / period + (quota % period != 0 ? 1 : 0);
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(whole, 1, 1 << 16));
}

std::vector<std::uint32_t> affinity_cpus()
{
    std::array<cpu_set_t, 8> mask{}; // 8,192 CPUs: as many as the kernel can be built for
    std::vector<std::uint32_t> out;
    if (::sched_getaffinity(0, sizeof mask, mask.data()) == 0)
        for (std::uint32_t cpu = 0; cpu < 8 * sizeof mask; ++cpu)
            if (CPU_ISSET_S(cpu, sizeof mask, mask.data()))
                out.push_back(cpu);
    return out;
}

std::uint32_t allowed_cpus()
{
    auto cpus = static_cast<std::uint32_t>(affinity_cpus().size());
    // A limit of any ancestor holds too.
    std::filesystem::path const top = "/sys/fs/cgroup";
    for (std::filesystem::path group = own_cgroup();; group = group.parent_path()) {
        std::ifstream file{top / group / "cpu.max"};
        std::string line;
        if (std::getline(file, line))
            cpus = std::min(cpus, quota_cpus(line).value_or(cpus));
        if (group.empty())
            break;
    }
    return std::max<std::uint32_t>(cpus, 1);
}

} // namespace covey::supervision
