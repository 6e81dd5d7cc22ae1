#include "syscalls.hpp"

#include "perf_event.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fmt/format.h>
#include <fstream>
#include <harness_child.hpp>
#include <harness_process_tree.hpp>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace covey::bench {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// ---- strace ----

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

std::map<std::string, double> by_strace(std::vector<pid_t> const& processes,
                                        std::function<double()> const& load, scratch const& notes)
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

// ---- the kernel's tracepoints ----

constexpr auto events_at = "/sys/kernel/tracing/events/";
constexpr auto all_calls = "raw_syscalls/sys_enter";

// What a server that answers requests may call; the rest is told as one.
constexpr std::array<std::string_view, 24> usual_calls{
    "read",      "readv",       "recvfrom",   "recvmsg",  "write",      "writev",
    "sendto",    "sendmsg",     "sendfile64", "close",    "shutdown",   "accept4",
    "epoll_ctl", "epoll_wait",  "futex",      "ioctl",    "getsockopt", "setsockopt",
    "newfstat",  "epoll_pwait", "fcntl",      "mprotect", "madvise",    "getsockname"};

class call_counter
{
  public:
    call_counter(std::string const& event, std::vector<pid_t> const& threads)
    {
        std::uint64_t number = 0;
        if (!(std::ifstream{events_at + event + "/id"} >> number))
            throw std::system_error{ENOENT, std::system_category(), events_at + event};
        perf_event_attr wanted{};
        wanted.type = PERF_TYPE_TRACEPOINT;
        wanted.config = number;
        wanted.inherit = 1;
        for (auto const thread : threads)
            counters_.push_back(open_event(wanted, thread));
    }
    double read() const
    {
        double sum = 0;
        for (auto const& each : counters_) {
            std::uint64_t told = 0;
            if (::read(each.get(), &told, sizeof told) == sizeof told)
                sum += static_cast<double>(told);
        }
        return sum;
    }

  private:
    std::vector<handle> counters_;
};

bool are_tracepoints_here()
{
    try {
        call_counter const tried{all_calls, {::getpid()}};
        return true;
    } catch (std::system_error const&) {
        return false;
    }
}

std::map<std::string, double> by_tracepoints(std::vector<pid_t> const& processes,
                                             std::function<double()> const& load)
{
    auto const threads = threads_of(processes);
    std::map<std::string, call_counter> named;
    for (auto const& name : usual_calls)
        named.emplace(name, call_counter{fmt::format("syscalls/sys_enter_{}", name), threads});
    call_counter const all{all_calls, threads};
    auto const requests = load();
    auto others = all.read();
    std::map<std::string, double> out;
    for (auto const& [name, counter] : named)
        if (auto const made = counter.read(); made > 0) {
            out[name] = made / requests;
            others -= made;
        }
    if (others > 0)
        out["others"] = others / requests;
    return out;
}

} // namespace

std::string how_calls_are_counted()
{
    if (are_tracepoints_here())
        return "by the kernel's tracepoints";
    return find_program("strace").empty() ? "" : "by strace, beside which clients are fast";
}

std::map<std::string, double> syscalls_per_request(std::vector<pid_t> const& processes,
                                                   std::function<double()> const& load,
                                                   scratch const& notes)
{
    return are_tracepoints_here() ? by_tracepoints(processes, load)
                                  : by_strace(processes, load, notes);
}

} // namespace covey::bench
