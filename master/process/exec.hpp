// exec and exec_file: run a program to its end and collect what it wrote.
//
//   auto const [failed, done] = co_await process::exec(executor, "df -h | tail -1",
//       {.timeout = 5s}, net::as_tuple(net::use_awaitable));
//   if (!failed && done.status.success()) use(done.output);
//
// It has ended when the program has, and everybody it gave its outputs to. Time, output and a
// cancelled call are bounds for all of them: it runs in a process group of its own, and the whole
// group gets the kill signal, then SIGKILL.
#pragma once

#include "error.hpp"
#include "options.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/system/error_code.hpp>
#include <covey/master/exit_status.hpp>
#include <string>
#include <utility>
#include <vector>

namespace covey::process {

// What is known of a program that has ended, also when it was ended for an error.
struct outcome
{
    exit_status status;
    std::string output; // standard output, at most options::output_bytes_max
    std::string errors; // standard error, likewise
};

namespace detail {

using exec_handler = net::any_completion_handler<void(boost::system::error_code, outcome)>;
void start_exec(net::any_io_executor executor, std::string path, std::vector<std::string> arguments,
                options settings, exec_handler handler);

} // namespace detail

// Completes with (error_code, outcome). An exit code other than 0 is no error: outcome::status
// tells. Errors: as spawn says; net::error::timed_out; error::output_too_long; operation_aborted
// when it was cancelled.
template <class Token>
auto exec_file(net::any_io_executor executor, std::string path, std::vector<std::string> arguments,
               options settings, Token&& token)
{
    return net::async_initiate<Token, void(boost::system::error_code, outcome)>(
        [](auto handler, net::any_io_executor on, std::string program,
           std::vector<std::string> words, options how) {
            detail::start_exec(std::move(on), std::move(program), std::move(words), std::move(how),
                               std::move(handler));
        },
        token, std::move(executor), std::move(path), std::move(arguments), std::move(settings));
}

// As exec_file, of a command for /bin/sh. Never put into it what strangers have written: a shell
// reads more than words. exec_file does not.
template <class Token>
auto exec(net::any_io_executor executor, std::string command, options settings, Token&& token)
{
    return exec_file(std::move(executor), "/bin/sh", {"-c", "--", std::move(command)},
                     std::move(settings), std::forward<Token>(token));
}

} // namespace covey::process
