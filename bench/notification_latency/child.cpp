#include "child.hpp"

#include "run.hpp"

#include <cerrno>
#include <covey/protocol/handle.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

[[noreturn]] void become(std::function<void()> const& body)
{
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int code = 0;
    try {
        body();
    } catch (std::exception const& failed) {
        fmt::print(stderr, "bench: {}\n", failed.what());
        code = 1;
    }
    ::_exit(code); // the parent's objects are not this process's to destroy
}

} // namespace

child::child(std::function<void()> const& body)
    : pid_{::fork()}
{
    if (pid_ < 0)
        throw std::system_error{errno, std::system_category(), "fork"};
    if (pid_ == 0)
        become(body);
}

child child::of_this_program(std::vector<std::string> words)
{
    return child{[&] {
        handle const nowhere{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
        ::dup2(nowhere.get(), STDOUT_FILENO);
        std::vector<char*> argv;
        argv.reserve(words.size() + 1);
        for (auto& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        ::execv("/proc/self/exe", argv.data());
        throw std::system_error{errno, std::system_category(), "exec"};
    }};
}

child::child(child&& other) noexcept
    : pid_{std::exchange(other.pid_, 0)}
{}

child::~child()
{
    if (pid_ <= 0)
        return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void child::wait(std::chrono::milliseconds limit)
{
    // By number: the C library's own has no C linkage in its header before 2.37.
    handle const process{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    if (!process.is_open())
        throw std::system_error{errno, std::system_category(), "pidfd_open"};
    pollfd watched{.fd = process.get(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, static_cast<int>(limit.count())) != 1)
        throw std::runtime_error{fmt::format("no end after {} ms", limit.count())};
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    if (WIFSIGNALED(status))
        throw std::runtime_error{fmt::format("ended by signal {}", WTERMSIG(status))};
    if (WEXITSTATUS(status) != 0)
        throw std::runtime_error{fmt::format("ended with exit code {}", WEXITSTATUS(status))};
}

std::vector<child> keep_cpus_awake()
{
    std::vector<child> out;
    for (unsigned cpu = 0; cpu != std::thread::hardware_concurrency(); ++cpu)
        out.emplace_back([cpu] {
            pin_to_cpu(cpu);
            sched_param const least{};
            ::sched_setscheduler(0, SCHED_IDLE, &least);
            for (;;)
                relax();
        });
    return out;
}

} // namespace covey::bench
