#include "resident_memory.hpp"

#include <fmt/format.h>
#include <fstream>
#include <unistd.h>

namespace covey::supervision {

std::uint64_t resident_memory(std::int64_t pid)
{
    std::ifstream in{fmt::format("/proc/{}/statm", pid)}; // in pages: size resident shared ...
    std::uint64_t size = 0;
    std::uint64_t resident = 0;
    if (pid <= 0 || !(in >> size >> resident))
        return 0;
    return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

} // namespace covey::supervision
