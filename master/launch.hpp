// launch: fork and exec, the one place where this house starts a process.
//
// Everything is prepared before the fork, and what runs between fork and execve is
// async-signal-safe. The program begins with an empty signal mask, default dispositions and no
// descriptor but 0 to 2 and those it was given. What it cannot begin with (no such program, no
// such directory, no right to become that user) is told through a pipe, by an error that names the
// step.
//
// The process is held by a pidfd: a signal never reaches a stranger who got the same pid.
#pragma once

#include "exec_image.hpp"
#include "exit_status.hpp"
#include "worker_program.hpp"

#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace covey::supervision {

enum class group {
    ours,    // signals of the terminal reach it as they reach us
    own,     // signal_group() reaches it and what it starts
    session, // that, and no terminal
};

struct launch_plan
{
    exec_plan program;
    std::string directory = {}; // to start in; empty: ours

    // `open` becomes descriptor `number` in the child. 0 to 2 are ours unless they are named here.
    struct placement
    {
        handle const* open = nullptr; // for the time of the call
        int number = 0;
    };
    std::vector<placement> descriptors = {};

    std::optional<process_user> user = {};
    std::vector<std::uint32_t> cpus = {}; // empty: ours
    supervision::group group = supervision::group::ours;

    // The kernel kills it when the thread that called launch() ends (PR_SET_PDEATHSIG).
    bool dies_with_this_thread = false;
};

// A process from its fork until it has been reaped. Move-only; the destructor is end().
class launched
{
  public:
    launched() = default;
    launched(launched&& other) noexcept { *this = std::move(other); }
    launched& operator=(launched&& other) noexcept;
    ~launched() { end(); }

    std::int64_t pid() const { return pid_; } // also when it has been reaped

    handle const& ended() const { return pidfd_; }    // readable once it has ended
    handle const& started() const { return report_; } // readable once it is executed, or is not

    // False when it has been reaped; then nobody gets the signal. The second one signals all of
    // the group that it leads; whatever else is in it outlives it, and can be reached until reap().
    bool signal(int number) const noexcept;
    bool signal_group(int number) const noexcept;

    // Why the program could not be executed; none when it was, or that is not known yet.
    boost::system::error_code failure();

    // Takes the end of a process that has ended(); later calls return the same. Does not wait: of
    // one that still runs it takes nothing.
    exit_status reap();
    bool is_reaped() const { return reaped_; }

    // Kills and reaps, unless it has been reaped. Waits for the kernel to tear the process down.
    void end() noexcept;

    // Lets it go: from now on it is nobody's here, neither killed nor reaped.
    void release() noexcept;

  private:
    friend launched launch(launch_plan const& plan);

    std::int64_t pid_ = 0;
    bool reaped_ = true;
    bool leads_group_ = false;
    exit_status status_;
    boost::system::error_code failure_;
    handle report_; // readable end of a pipe; holds an error when the program was not executed
    handle pidfd_;
};

// Throws system_error: EAGAIN, ENOMEM, EMFILE, EINVAL. Does not wait for the child.
launched launch(launch_plan const& plan);

// Whether this thread lives as long as the process: then so does what is said to die with it.
bool on_main_thread() noexcept;

} // namespace covey::supervision
