// child_process: one process this one started, from fork to the last of it.
//
// Held by a pidfd, so no signal ever reaches a stranger who got the same pid. The child executes
// its program with an empty signal mask, default dispositions, descriptors 0 to 2 and its channel,
// and dies with this process (PR_SET_PDEATHSIG). A program that cannot be executed is a process
// that ended: its exit_status says why.
#pragma once

#include "exit_status.hpp"
#include "readiness.hpp"
#include "worker_program.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <optional>
#include <string>

namespace covey::supervision {

class child_process
{
  public:
    // Starts `program` with `channel` open in it and named by COVEY_CHANNEL_FD; this process's own
    // environment is not changed and the caller closes its copy of `channel`. Call it
    // on the main thread: the kernel ends the child when the thread that forked it ends. Throws
    // system_error (EAGAIN, ENOMEM, EMFILE). Does not wait for the child.
    child_process(net::any_io_executor executor, worker_program const& program,
                  handle const& channel);
    ~child_process(); // end()
    child_process(child_process const&) = delete;
    child_process& operator=(child_process const&) = delete;

    std::int64_t pid() const { return pid_; }

    // False when it has ended; then nobody gets the signal.
    bool signal(int number) const noexcept;

    // Completes with (error_code, exit_status) when the process has ended and is reaped. Once; the
    // object must outlive the call.
    template <class Token>
    auto async_exit(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, exit_status)>(
            [this](auto handler) { start_wait(std::move(handler)); }, token);
    }

    // Kills and reaps, unless it has been reaped. Waits for the kernel to tear the process down.
    void end() noexcept;

  private:
    using exit_handler = net::any_completion_handler<void(boost::system::error_code, exit_status)>;
    void start_wait(exit_handler handler);
    exit_status reap();

    std::int64_t pid_ = 0;
    bool reaped_ = false;
    handle exec_report_; // readable end of a pipe; holds an errno when execve failed
    handle pidfd_;
    std::optional<readiness> ended_; // before pidfd_ is closed
};

// The file this process was executed from. Read it early: once an upgrade has replaced the file,
// the name read before leads to the new program, and the link reads "... (deleted)".
std::string own_program();

} // namespace covey::supervision
