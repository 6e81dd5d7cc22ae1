#include "launch.hpp"

#include "launch_step.hpp"

#include <algorithm>
#include <array>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#ifndef P_PIDFD
#define P_PIDFD 3 // waitid(2), since Linux 5.4; glibc 2.36 has it as an enumerator
#endif

namespace covey::supervision {

namespace {

constexpr int not_executed_code = 127;   // as shells do
constexpr std::uint32_t cpus_max = 8192; // as many as the kernel can be built for

[[noreturn]] void fail(char const* doing, int error = errno)
{
    throw boost::system::system_error{error, boost::system::system_category(), doing};
}

// What the child says when it cannot go on.
struct report
{
    launch_step step{};
    int error = 0;
};

using cpu_mask = std::array<cpu_set_t, cpus_max / CPU_SETSIZE>;

// The plan in the form the child needs it in.
struct preparation
{
    explicit preparation(launch_plan const& from)
        : image{from.program}
        , plan{from}
    {
        if (plan.directory.find('\0') != std::string::npos)
            fail("a directory with a zero byte in its name", EINVAL);
        for (auto const& one : plan.descriptors) {
            if (one.number < 0 || one.open == nullptr || !one.open->is_open())
                fail("a descriptor for a child is not open", EBADF);
            sources.push_back(one.open->get());
            numbers_end = std::max(numbers_end, one.number + 1);
        }
        for (auto const cpu : plan.cpus) {
            if (cpu >= cpus_max)
                fail("a CPU's number", EINVAL);
            CPU_SET_S(cpu, sizeof mask, mask.data());
        }
    }

    exec_image image;
    launch_plan const& plan;
    std::vector<int> sources; // of plan.descriptors; the child moves them out of each other's way
    int numbers_end = 3;
    cpu_mask mask{};
    pid_t parent = ::getpid();
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

// ---- the child, until execve: async-signal-safe calls only (signal-safety(7)) ------------------

class child_side
{
  public:
    child_side(preparation& what, int report_to) noexcept
        : what_{what}
        , plan_{what.plan}
        , report_to_{report_to}
    {}

    [[noreturn]] void run() noexcept
    {
        die_with_parent();
        default_signals();
        if (plan_.group == group::session)
            demand(::setsid(), launch_step::group);
        else if (plan_.group == group::own)
            demand(::setpgid(0, 0), launch_step::group);
        if (!plan_.cpus.empty())
            demand(::sched_setaffinity(0, sizeof what_.mask, what_.mask.data()), launch_step::cpus);
        place_descriptors();
        if (plan_.user) {
            become(*plan_.user);
            die_with_parent(); // the kernel has forgotten it with the old user
        }
        // As that user: a directory it may not enter is an error here and not a surprise there.
        if (!plan_.directory.empty())
            demand(::chdir(plan_.directory.c_str()), launch_step::directory);

        sigset_t none;
        sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        give_up(launch_step::execute, what_.image.execute());
    }

  private:
    [[noreturn]] void give_up(launch_step step, int error) noexcept
    {
        report const said{step, error};
        [[maybe_unused]] auto const told = ::write(report_to_, &said, sizeof said);
        ::_exit(not_executed_code);
    }

    void demand(long result, launch_step step) noexcept
    {
        if (result < 0)
            give_up(step, errno);
    }

    // A parent that died before prctl sends no signal any more: look once, after it.
    void die_with_parent() noexcept
    {
        if (!plan_.dies_with_this_thread)
            return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != what_.parent)
            ::_exit(not_executed_code);
    }

    // execve resets handlers but keeps what is ignored, SIGPIPE first of all.
    static void default_signals() noexcept
    {
        struct sigaction standard
        {};
        standard.sa_handler = SIG_DFL;
        for (int number = 1; number < NSIG; ++number)
            ::sigaction(number, &standard, nullptr); // SIGKILL, SIGSTOP and glibc's own refuse
    }

    // First all sources above every number that is wanted, then each to its place: in one step one
    // could land on another that is still needed.
    void place_descriptors() noexcept
    {
        move_up(report_to_);
        for (auto& source : what_.sources)
            move_up(source);
        // Ours are close-on-exec from birth; this is for those the embedding program was started
        // with. Linux 5.11; before it, those stay open.
        ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
        for (std::size_t i = 0; i < what_.sources.size(); ++i) // dup2's result stays open
            demand(::dup2(what_.sources[i], plan_.descriptors[i].number), launch_step::descriptors);
    }

    void move_up(int& descriptor) noexcept
    {
        if (descriptor >= what_.numbers_end)
            return;
        int const moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, what_.numbers_end);
        if (moved < 0) // EINVAL: all numbers up there are above RLIMIT_NOFILE
            give_up(launch_step::descriptors, errno == EINVAL ? EMFILE : errno);
        descriptor = moved;
    }

    // By system call: glibc's functions speak to the process's other threads, which a fork leaves
    // behind together with the locks they held.
    void become(process_user const& user) noexcept
    {
        auto const old_group = ::getegid();
        demand(::syscall(SYS_setgroups, user.groups.size(), user.groups.data()), launch_step::user);
        demand(::syscall(SYS_setresgid, user.gid, user.gid, user.gid), launch_step::user);
        demand(::syscall(SYS_setresuid, user.uid, user.uid, user.uid), launch_step::user);
        bool const root_again = user.uid != 0 && ::syscall(SYS_setresuid, 0, 0, 0) == 0;
        bool const group_again = user.uid != 0 && user.gid != old_group &&
                                 ::syscall(SYS_setresgid, old_group, old_group, old_group) == 0;
        if (root_again || group_again)
            give_up(launch_step::user, EPERM); // rights that can be had back were not given up
    }

    preparation& what_;
    launch_plan const& plan_;
    int report_to_;
};

} // namespace

launched launch(launch_plan const& plan)
{
    preparation what{plan};
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        fail("make a pipe for a child");
    launched out;
    out.report_ = handle{ends[0]};
    handle report_to{ends[1]};
    {
        signals_blocked const quiet;
        out.pid_ = ::fork();
        if (out.pid_ == 0)
            child_side{what, report_to.get()}.run();
    }
    if (out.pid_ < 0)
        fail("fork");
    out.leads_group_ = plan.group != group::ours;
    // Its end of the pipe first: the pidfd then has a place even in a full descriptor table.
    report_to.reset();
    // The child is not reaped yet, so its pid is still its own.
    auto const pid = static_cast<pid_t>(out.pid_);
    out.pidfd_ = handle{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    if (!out.pidfd_.is_open()) {
        int const why = errno;
        ::kill(pid, SIGKILL);
        while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
        }
        fail("open a pidfd of a child", why);
    }
    out.reaped_ = false;
    return out;
}

bool on_main_thread() noexcept
{
    return ::syscall(SYS_gettid) == ::getpid();
}

launched& launched::operator=(launched&& other) noexcept
{
    end();
    pid_ = other.pid_;
    reaped_ = std::exchange(other.reaped_, true);
    leads_group_ = other.leads_group_;
    status_ = other.status_;
    failure_ = other.failure_;
    report_ = std::move(other.report_);
    pidfd_ = std::move(other.pidfd_);
    return *this;
}

bool launched::signal(int number) const noexcept
{
    return !reaped_ && ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
}

bool launched::signal_group(int number) const noexcept
{
    // A group keeps its leader's pid from being given away, and so does the leader until it is
    // reaped. Somebody else in this process may have done that: then waitid does not know it.
    siginfo_t info{};
    if (reaped_ || !leads_group_ ||
        ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info,
                 WEXITED | WNOHANG | WNOWAIT) != 0)
        return false;
    // Before its first steps it may not lead a group yet: then it is alone.
    return ::kill(-static_cast<pid_t>(pid_), number) == 0 || signal(number);
}

boost::system::error_code launched::failure()
{
    report said;
    if (!failure_ && ::read(report_.get(), &said, sizeof said) == sizeof said)
        failure_ = step_error(said.step, said.error);
    return failure_;
}

exit_status launched::reap()
{
    siginfo_t info{};
    // ECHILD: this program ignores SIGCHLD, so the kernel has thrown the status away.
    bool const thrown_away =
        !reaped_ && ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info,
                             WEXITED | WNOHANG) != 0;
    if (info.si_pid == 0) {
        reaped_ = reaped_ || thrown_away;
        return status_;
    }
    reaped_ = true;
    if (info.si_code == CLD_EXITED)
        status_.code = info.si_status;
    else
        status_.signal = info.si_status;
    status_.core = info.si_code == CLD_DUMPED;
    if (status_.signal == 0)
        status_.not_executed = failure();
    return status_;
}

void launched::end() noexcept
{
    if (reaped_ || !pidfd_.is_open())
        return;
    if (!signal_group(SIGKILL))
        signal(SIGKILL);
    // Asio has perhaps made the pidfd non-blocking, and then waitid does not wait either: poll
    // does.
    pollfd ended{pidfd_.get(), POLLIN, 0};
    while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
    }
    reap();
}

void launched::release() noexcept
{
    reaped_ = true;
    pidfd_.reset();
    report_.reset();
}

} // namespace covey::supervision
