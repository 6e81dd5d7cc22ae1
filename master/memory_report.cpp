#include "memory_report.hpp"

#include <covey/shm/inspect.hpp>
#include <covey/shm/segment.hpp>
#include <fmt/format.h>
#include <vector>

namespace covey::supervision {

std::string memory_report(segment const& of)
{
    std::vector<std::string> parts;
    for (auto const& [name, bytes] : inspect::open(of.lend_read_only()).memory())
        parts.push_back(fmt::format("{} {}", name, bytes));
    return fmt::format("state: {} bytes of memory: {}", of.bytes(), fmt::join(parts, ", "));
}

} // namespace covey::supervision
