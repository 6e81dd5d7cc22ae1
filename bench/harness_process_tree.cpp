#include "harness_process_tree.hpp"

#include <cstddef>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace covey::bench {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view segment_prefix = "/memfd:covey:";

pid_t parent_of(fs::path const& process)
{
    std::ifstream stat{process / "stat"};
    std::string line;
    std::getline(stat, line);
    auto const name_end = line.rfind(')'); // the name may hold anything, brackets too
    if (name_end == std::string::npos || name_end + 4 >= line.size())
        return 0;                                // gone meanwhile
    return std::stoi(line.substr(name_end + 4)); // ") S PPID"
}

bool is_number(std::string_view name)
{
    return name.find_first_not_of("0123456789") == std::string_view::npos;
}

// "7f00-7f10 rw-s 00000000 00:01 42    /memfd:covey:name (deleted)", and no "Pss:   12 kB"
bool begins_mapping(std::string_view line)
{
    auto const word = line.substr(0, line.find(' '));
    return !word.empty() && word.back() != ':' && word.find('-') != std::string_view::npos;
}

} // namespace

std::vector<pid_t> children_of(pid_t parent)
{
    std::vector<pid_t> out;
    for (auto const& entry : fs::directory_iterator{"/proc"}) {
        auto const name = entry.path().filename().string();
        if (is_number(name) && parent_of(entry.path()) == parent)
            out.push_back(std::stoi(name));
    }
    return out;
}

std::vector<pid_t> tree_of(pid_t root)
{
    std::vector<pid_t> out{root};
    for (std::size_t next = 0; next != out.size(); ++next)
        for (auto const below : children_of(out[next]))
            out.push_back(below);
    return out;
}

std::vector<pid_t> threads_of(std::vector<pid_t> const& processes)
{
    std::vector<pid_t> out;
    for (auto const process : processes)
        for (auto const& thread : fs::directory_iterator{fmt::format("/proc/{}/task", process)})
            out.push_back(std::stoi(thread.path().filename().string()));
    return out;
}

bool has_signal(pid_t process, std::string_view set, int signal)
{
    std::ifstream status{fmt::format("/proc/{}/status", process)};
    for (std::string line; std::getline(status, line);)
        if (line.starts_with(set))
            return (std::stoull(line.substr(set.size() + 1), nullptr, 16) >> (signal - 1) & 1) != 0;
    return false;
}

std::int64_t cpu_ns(std::vector<pid_t> const& processes)
{
    std::int64_t sum = 0;
    for (auto const process : processes) {
        std::error_code gone;
        for (auto const& thread :
             fs::directory_iterator{fmt::format("/proc/{}/task", process), gone}) {
            std::ifstream schedstat{thread.path() / "schedstat"};
            std::int64_t spent = 0;
            if (schedstat >> spent)
                sum += spent;
        }
    }
    return sum;
}

double pss_kib(pid_t process)
{
    std::ifstream smaps{fmt::format("/proc/{}/smaps", process)};
    double sum = 0;
    bool counts = true;
    bool any = false;
    for (std::string line; std::getline(smaps, line);) {
        if (begins_mapping(line)) {
            counts = line.find(segment_prefix) == std::string::npos;
        } else if (line.starts_with("Pss:")) {
            any = true;
            sum += counts ? std::stod(line.substr(4)) : 0;
        }
    }
    if (!any)
        throw std::runtime_error{fmt::format("process {} has no memory to look at", process)};
    return sum;
}

} // namespace covey::bench
