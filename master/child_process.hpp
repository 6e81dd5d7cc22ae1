// child_process: one worker's process, from fork to the last of it.
//
// launch.hpp started it: with an empty signal mask, default dispositions, the surroundings that
// its worker_program asks for and its channel behind them, and it dies with this process. A program
// that cannot be executed is a process that ended: its exit_status says why.
#pragma once

#include "exit_status.hpp"
#include "launch.hpp"
#include "worker_program.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>
#include <covey/protocol/handle.hpp>
#include <covey/protocol/readiness.hpp>
#include <cstdint>
#include <optional>

namespace covey::supervision {

namespace net = boost::asio;

class child_process
{
  public:
    // Starts `program` with `channel` open in it and named by COVEY_CHANNEL_FD; this process's own
    // environment is not changed and the caller closes its copy of `channel`. On the main thread
    // only: the kernel ends the child when the thread that forked it ends. Throws system_error
    // (EAGAIN, ENOMEM, EMFILE; EPERM on another thread). Does not wait for the child.
    child_process(net::any_io_executor executor, worker_program const& program,
                  handle const& channel);
    child_process(child_process const&) = delete; // the destructor is end()
    child_process& operator=(child_process const&) = delete;

    std::int64_t pid() const { return process_.pid(); }

    // False when it has been reaped; then nobody gets the signal.
    bool signal(int number) const noexcept { return process_.signal(number); }

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

    launched process_;
    std::optional<protocol::readiness> ended_; // goes before the pidfd it watches
};

} // namespace covey::supervision
