#include "available_memory.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace covey::shm {

namespace {

constexpr auto unknown = std::numeric_limits<std::uint64_t>::max();

std::uint64_t number_in(std::filesystem::path const& file)
{
    std::ifstream in{file};
    std::uint64_t number = 0;
    return in >> number ? number : unknown; // "max" is no number
}

std::uint64_t of_machine()
{
    std::ifstream in{"/proc/meminfo"};
    for (std::string name, unit; in >> name;) {
        std::uint64_t kilobytes = 0;
        if (name == "MemAvailable:" && in >> kilobytes)
            return kilobytes * 1024;
        std::getline(in, unit);
    }
    return unknown;
}

// The least that this cgroup or one above it has left.
std::uint64_t of_cgroup()
{
    std::string path;
    std::ifstream in{"/proc/self/cgroup"};
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("0::/"))
            path = line.substr(4);
    std::uint64_t least = unknown;
    std::filesystem::path const root{"/sys/fs/cgroup"};
    for (auto group = root / path; group != root && group.has_relative_path();
         group = group.parent_path()) {
        auto const limit = number_in(group / "memory.max");
        auto const used = number_in(group / "memory.current");
        if (limit != unknown && used != unknown)
            least = std::min(least, limit - std::min(limit, used));
    }
    return least;
}

} // namespace

std::uint64_t available_memory()
{
    return std::min(of_machine(), of_cgroup());
}

} // namespace covey::shm
