#include "process_facts.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <unistd.h>

namespace covey {

namespace {

std::string whole(std::string const& path)
{
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

// When the machine was started.
double boot_seconds()
{
    auto const text = whole("/proc/stat");
    auto const at = text.find("\nbtime ");
    return at == text.npos ? 0 : std::strtod(text.c_str() + at + 7, nullptr);
}

std::optional<std::uint64_t> descriptors_of(std::string const& folder)
{
    std::error_code failed;
    std::filesystem::directory_iterator each{folder + "/fd", failed};
    std::uint64_t count = 0;
    for (; !failed && each != std::filesystem::directory_iterator{}; each.increment(failed))
        ++count;
    return failed ? std::nullopt : std::optional{count};
}

} // namespace

std::optional<process_facts> facts_of_process(std::int64_t pid)
{
    auto const folder = "/proc/" + std::to_string(pid);
    auto const text = whole(folder + "/stat");
    // The second field is the program's name in parentheses, and may hold any character.
    auto const name_end = text.rfind(')');
    if (name_end == text.npos)
        return std::nullopt;
    std::istringstream words{text.substr(name_end + 2)};
    constexpr std::size_t first = 3; // of what follows, as proc(5) counts
    std::array<std::string, 22> fields;
    for (auto& each : fields)
        words >> each;
    auto const number = [&](std::size_t field) {
        return std::strtoull(fields.at(field - first).c_str(), nullptr, 10);
    };
    auto const ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    static double const booted = boot_seconds();
    process_facts out;
    out.cpu_seconds = static_cast<double>(number(14) + number(15)) / ticks;
    out.threads = number(20);
    out.start_seconds = booted + static_cast<double>(number(22)) / ticks;
    out.virtual_bytes = number(23);
    out.resident_bytes = number(24) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    out.descriptors = descriptors_of(folder);
    return out;
}

} // namespace covey
