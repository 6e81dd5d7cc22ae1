#include "syscalls.hpp"

#include <chrono>
#include <csignal>
#include <fmt/format.h>
#include <fstream>
#include <harness_child.hpp>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

bool is_traced(pid_t process)
{
    std::ifstream status{fmt::format("/proc/{}/status", process)};
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("TracerPid:"))
            return line.find_first_of("123456789") != std::string::npos;
    return true; // gone
}

// "% time  seconds  usecs/call  calls  [errors]  syscall", a line of dashes above and below.
std::map<std::string, double> calls_in(std::string const& file)
{
    std::map<std::string, double> out;
    std::ifstream table{file};
    for (std::string line; std::getline(table, line);) {
        std::istringstream words{line};
        double time = 0;
        double seconds = 0;
        double each = 0;
        double calls = 0;
        std::string name;
        if (!(words >> time >> seconds >> each >> calls))
            continue; // the head, or dashes
        while (words >> name)
            ; // the last word: errors stand before it
        if (name != "total")
            out[name] = calls;
    }
    return out;
}

} // namespace

bool is_strace_installed()
{
    return !find_program("strace").empty();
}

std::map<std::string, double> syscalls_per_request(std::vector<pid_t> const& processes,
                                                   std::function<double()> const& load,
                                                   scratch const& notes)
{
    auto const file = notes.file("strace");
    std::vector<std::string> words{"strace", "-f", "-c", "-q", "-o", file};
    for (auto const each : processes)
        words.insert(words.end(), {"-p", std::to_string(each)});
    auto strace = child::of_program(find_program("strace"), words);
    auto const limit = clock::now() + 10s;
    for (auto const each : processes)
        while (!is_traced(each)) {
            if (clock::now() > limit)
                throw std::runtime_error{"strace does not attach"};
            std::this_thread::sleep_for(5ms);
        }
    auto const requests = load();
    ::kill(strace.pid(), SIGINT);
    try {
        strace.wait(10s);
    } catch (std::runtime_error const&) {
        // by the signal it ends with a code, or with the signal
    }
    auto out = calls_in(file);
    if (out.empty())
        throw std::runtime_error{"strace has counted nothing"};
    for (auto& [name, calls] : out)
        calls /= requests;
    return out;
}

} // namespace covey::bench
