#include "child_process.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#ifndef P_PIDFD
#define P_PIDFD 3 // waitid(2), since Linux 5.4; glibc 2.36 has it as an enumerator
#endif

namespace covey::supervision {

namespace {

constexpr std::string_view channel_variable = "COVEY_CHANNEL_FD=";
constexpr int not_executed_code = 127; // as shells do

[[noreturn]] void fail(char const* doing)
{
    throw boost::system::system_error{errno, boost::system::system_category(), doing};
}

// Everything execve takes, made before the fork: the child may not allocate.
struct execution
{
    std::string path;
    std::vector<std::string> own; // what arguments and environment point into
    std::vector<char*> arguments;
    std::vector<char*> environment;

    execution(worker_program const& program, handle const& channel)
        : path{program.path}
        , own{program.arguments.empty() ? std::vector{path} : program.arguments}
    {
        own.push_back(fmt::format("{}{}", channel_variable, channel.get()));
        for (std::size_t i = 0; i + 1 < own.size(); ++i)
            arguments.push_back(own[i].data());
        arguments.push_back(nullptr);
        for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry)
            if (!std::string_view{*entry}.starts_with(channel_variable))
                environment.push_back(*entry);
        environment.push_back(own.back().data());
        environment.push_back(nullptr);
    }
};

// All signals blocked: between fork and execve a handler of the parent would run in the child, and
// Asio's writes into a pipe that parent and child share.
class signals_blocked
{
  public:
    signals_blocked()
    {
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(signals_blocked const&) = delete;
    signals_blocked& operator=(signals_blocked const&) = delete;

  private:
    sigset_t before_;
};

// The child's life until execve; async-signal-safe calls only (signal-safety(7)).
[[noreturn]] void run_child(execution const& what, int channel, int report, pid_t parent)
{
    // A parent that died before prctl sends no signal any more: look once, after it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent)
        ::_exit(not_executed_code);

    // execve resets handlers but keeps what is ignored, SIGPIPE first of all.
    struct sigaction standard
    {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number)
        ::sigaction(number, &standard, nullptr); // SIGKILL, SIGSTOP and glibc's own refuse

    // Ours are close-on-exec from birth; this is for those the embedding program was started with.
    // Linux 5.11; before it, those stay open.
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    ::fcntl(channel, F_SETFD, 0);

    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);

    ::execve(what.path.c_str(), what.arguments.data(), what.environment.data());
    int const why = errno;
    [[maybe_unused]] auto const told = ::write(report, &why, sizeof why);
    ::_exit(not_executed_code);
}

} // namespace

child_process::child_process(net::any_io_executor executor, worker_program const& program,
                             handle const& channel)
{
    execution const what{program, channel};
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        fail("make a pipe for a worker");
    exec_report_ = handle{ends[0]};
    handle const report{ends[1]};

    pid_t const parent = ::getpid();
    {
        signals_blocked const quiet;
        pid_ = ::fork();
        if (pid_ == 0)
            run_child(what, channel.get(), report.get(), parent);
    }
    if (pid_ < 0)
        fail("fork a worker");
    // The child is not reaped yet, so its pid is still its own.
    pidfd_ = handle{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    if (!pidfd_.is_open()) {
        int const why = errno;
        ::kill(static_cast<pid_t>(pid_), SIGKILL);
        ::waitpid(static_cast<pid_t>(pid_), nullptr, 0);
        errno = why;
        fail("open a pidfd of a worker");
    }
    try {
        ended_.emplace(std::move(executor), pidfd_);
    } catch (...) {
        end(); // no destructor runs for what is not constructed
        throw;
    }
}

child_process::~child_process()
{
    end();
}

bool child_process::signal(int number) const noexcept
{
    return !reaped_ && ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
}

void child_process::start_wait(exit_handler handler)
{
    ended_->async_wait(
        [this, handler = std::move(handler)](boost::system::error_code failed) mutable {
            std::move(handler)(failed, failed ? exit_status{} : reap());
        });
}

exit_status child_process::reap()
{
    exit_status out;
    siginfo_t info{};
    if (reaped_ || ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info,
                            WEXITED | WNOHANG) != 0) {
        // ECHILD: this program ignores SIGCHLD, so the kernel has thrown the status away.
        reaped_ = true;
        return out;
    }
    reaped_ = true;
    if (info.si_code == CLD_EXITED)
        out.code = info.si_status;
    else
        out.signal = info.si_status;
    out.core = info.si_code == CLD_DUMPED;

    int why = 0;
    if (out.signal == 0 && ::read(exec_report_.get(), &why, sizeof why) == sizeof why)
        out.not_executed = {why, boost::system::system_category()};
    return out;
}

void child_process::end() noexcept
{
    ended_.reset();
    if (std::exchange(reaped_, true) || !pidfd_.is_open())
        return;
    ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    // Asio has made the pidfd non-blocking, and then waitid does not wait either: poll does.
    pollfd ended{pidfd_.get(), POLLIN, 0};
    while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
    }
    siginfo_t info{};
    ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info,
             WEXITED | WNOHANG);
}

std::string own_program()
{
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored).string();
}

} // namespace covey::supervision
