#include "harness_child.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

[[noreturn]] void become(std::function<void()> const& body, int at_parents_death)
{
    ::prctl(PR_SET_PDEATHSIG, at_parents_death);
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

child::child(std::function<void()> const& body, int at_our_death)
    : pid_{::fork()}
{
    if (pid_ < 0)
        throw std::system_error{errno, std::system_category(), "fork"};
    if (pid_ == 0)
        become(body, at_our_death);
}

child child::of_program(std::string path, std::vector<std::string> words, handle const& output,
                        int at_our_death)
{
    return child{[&] {
                     handle nowhere;
                     if (!output.is_open())
                         nowhere = handle{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
                     ::dup2((output.is_open() ? output : nowhere).get(), STDOUT_FILENO);
                     std::vector<char*> argv;
                     argv.reserve(words.size() + 1);
                     for (auto& word : words)
                         argv.push_back(word.data());
                     argv.push_back(nullptr);
                     ::execv(path.c_str(), argv.data());
                     throw std::system_error{errno, std::system_category(), "exec " + path};
                 },
                 at_our_death};
}

child child::of_this_program(std::vector<std::string> words)
{
    return of_program("/proc/self/exe", std::move(words));
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

bool child::has_ended() const
{
    siginfo_t told{};
    return pid_ <= 0 ||
           (::waitid(P_PID, static_cast<id_t>(pid_), &told, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            told.si_pid == pid_);
}

void child::stop(std::chrono::milliseconds limit)
{
    ::kill(pid_, SIGTERM);
    wait(limit);
}

std::string find_program(std::string_view name)
{
    auto const* const path = std::getenv("PATH");
    std::istringstream folders{fmt::format("{}:/usr/sbin", path == nullptr ? "" : path)};
    for (std::string folder; std::getline(folders, folder, ':');)
        if (auto file = fmt::format("{}/{}", folder, name); ::access(file.c_str(), X_OK) == 0)
            return file;
    return {};
}

} // namespace covey::bench
