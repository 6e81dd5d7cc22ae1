#include "system_calls.hpp"

#include "conduct.hpp"
#include "sending.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <harness_child.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

namespace covey::bench {

namespace {

constexpr std::int64_t changes = 200;

bool is_of_the_schedule(std::string_view call)
{
    constexpr std::array names{"clock_nanosleep", "restart_syscall", "epoll_wait",
                               "epoll_pwait",     "timerfd_settime", "pause"};
    return std::find(names.begin(), names.end(), call) != names.end();
}

// Lines of strace -c: "% time, seconds, usecs/call, calls, errors if there were any, name".
std::uint64_t calls_in(std::string const& file, bool of_sender)
{
    std::ifstream summary{file};
    std::uint64_t out = 0;
    for (std::string line; std::getline(summary, line);) {
        std::istringstream words{line};
        double percent = 0;
        double seconds = 0;
        std::uint64_t microseconds = 0;
        std::uint64_t calls = 0;
        if (!(words >> percent >> seconds >> microseconds >> calls))
            continue;
        auto const name = line.substr(line.find_last_of(' ') + 1);
        if (name != "total" && !(of_sender && is_of_the_schedule(name)))
            out += calls;
    }
    return out;
}

bool is_traced(pid_t process)
{
    std::ifstream status{fmt::format("/proc/{}/status", process)};
    for (std::string word; status >> word;) {
        int tracer = 0;
        if (word == "TracerPid:" && status >> tracer)
            return tracer != 0;
    }
    return false;
}

// Counts the calls of a process from when it is made until `end`.
class call_counter
{
  public:
    call_counter(pid_t counted, std::string file)
        : file_{std::move(file)}
        , strace_{child::of_program(find_program("strace"), {"strace", "-q", "-f", "-c", "-o",
                                                             file_, "-p", std::to_string(counted)})}
    {
        while (!is_traced(counted) && !strace_.has_ended())
            sleep_until_ns(now_ns() + 1'000'000);
    }

    void end()
    {
        ::kill(strace_.pid(), SIGINT);
        while (!strace_.has_ended())
            sleep_until_ns(now_ns() + 1'000'000);
    }

    double per_change(bool of_sender) const
    {
        return static_cast<double>(calls_in(file_, of_sender)) / static_cast<double>(changes);
    }

  private:
    std::string file_;
    child strace_;
};

struct counts
{
    double sender = 0;
    double receiver = 0;
};

counts count_in(measured_case one, scratch const& files)
{
    one.wanted.samples = changes;
    counts out;
    set_witness([&](std::vector<pid_t> const& processes) -> std::function<void()> {
        auto sender = std::make_shared<call_counter>(processes.at(0), files.file("strace.sender"));
        auto receiver =
            std::make_shared<call_counter>(processes.at(1), files.file("strace.receiver"));
        return [&out, sender, receiver] {
            sender->end();
            receiver->end();
            out = {sender->per_change(true), receiver->per_change(false)};
        };
    });
    try {
        measure(one, files);
    } catch (...) {
        set_witness({});
        throw;
    }
    set_witness({});
    return out;
}

} // namespace

std::string cannot_count()
{
    auto const strace = find_program("strace");
    if (strace.empty())
        return "strace";
    try {
        child::of_program(strace, {"strace", "-o", "/dev/null", "true"})
            .wait(std::chrono::seconds{20});
        return {};
    } catch (std::runtime_error const&) {
        return "leave to trace processes";
    }
}

void count_system_calls(std::vector<result>& into, std::vector<measured_case> const& cases,
                        scratch const& files)
{
    for (auto const& one : cases) {
        auto const is_usual = one.name == fmt::format("{}@{}", one.by->name, usual_rate);
        if (!is_usual || !one.by->has_board)
            continue;
        auto const found = count_in(one, files);
        for (auto& each : into)
            if (each.name == one.name) {
                each.sender_calls = found.sender;
                each.receiver_calls = found.receiver;
            }
    }
}

} // namespace covey::bench
