// child: a process that this one has started, and spawn, which starts it.
//
//   std::vector<std::string> const words{"-n"}; // GCC 12 takes no list inside co_await
//   auto child = co_await process::spawn(executor, "sort", words, {}, net::use_awaitable);
//   co_await net::async_write(child.input(), net::buffer(text), net::use_awaitable);
//   child.input().close();
//   ... child.output().async_read_some(...) ...
//   auto const status = co_await child.async_wait(net::use_awaitable);
//
// Any program may use this, workers too. All calls from the executor's one thread (a program whose
// loop has several gives a strand). Nothing blocks. A child keeps the loop running until it has
// ended, is reaped without being waited for, and is killed with its object, as when a coroutine
// that holds it is cancelled. A signal never reaches another process that got its pid.
#pragma once

#include "options.hpp"
#include "stream.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>
#include <covey/master/exit_status.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace covey::process {

class child
{
  public:
    child() noexcept; // no process: only to be assigned to
    ~child();         // kills it, and its session if it has one, unless release() was called
    child(child&&) noexcept;
    child& operator=(child&&) noexcept;

    std::int64_t pid() const; // 0 when there is none; it may be another's once this one has ended

    // Open where options asked for a pipe. An input that stays open is a child that waits.
    stream& input() { return input_; }
    stream& output() { return output_; }
    stream& errors() { return errors_; }

    // Completes with (error_code, exit_status) once it has ended; any number of times. May be
    // cancelled, which leaves the child alone.
    template <class Token>
    auto async_wait(Token&& token)
    {
        return net::async_initiate<Token, void(boost::system::error_code, exit_status)>(
            [this](auto handler) { start_wait(std::move(handler)); }, token);
    }

    std::optional<exit_status> status() const; // once it has ended

    // Sends a signal; false when it has ended, and then nobody gets it. kill_tree: to all processes
    // of the session of a detached one; false too when it is not detached.
    bool kill(int signal = SIGTERM);
    bool kill_tree(int signal = SIGTERM);

    // Lets it go on without this object, which is empty afterwards. While the loop runs, it waits
    // for it, so that no zombie is left; a loop that is to end before must be stopped.
    void release();

  private:
    struct core;
    friend struct spawning;
    using exit_handler = net::any_completion_handler<void(boost::system::error_code, exit_status)>;
    void start_wait(exit_handler handler);

    std::shared_ptr<core> core_;
    stream input_;
    stream output_;
    stream errors_;
};

namespace detail {

using spawn_handler = net::any_completion_handler<void(boost::system::error_code, child)>;
void start_spawn(net::any_io_executor executor, std::string path,
                 std::vector<std::string> arguments, options settings, spawn_handler handler);

} // namespace detail

// Starts a program. Completes with (error_code, child) once it has been executed, or could not be:
// ENOENT, EACCES, EAGAIN, EMFILE and what else error.hpp tells; then no process is left. Without a
// slash `path` is looked up in PATH; empty it is this process's own program. `arguments` come
// behind argv[0]. May be cancelled, which kills.
template <class Token>
auto spawn(net::any_io_executor executor, std::string path, std::vector<std::string> arguments,
           options settings, Token&& token)
{
    return net::async_initiate<Token, void(boost::system::error_code, child)>(
        [](auto handler, net::any_io_executor on, std::string program,
           std::vector<std::string> words, options how) {
            detail::start_spawn(std::move(on), std::move(program), std::move(words), std::move(how),
                                std::move(handler));
        },
        token, std::move(executor), std::move(path), std::move(arguments), std::move(settings));
}

} // namespace covey::process
