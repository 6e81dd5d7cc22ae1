// What the tests of process:: share: a loop, and calls that are waited for on it.
#pragma once

#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/program.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <covey/master/process/child.hpp>
#include <covey/master/process/exec.hpp>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <utility>

namespace covey::test {

using boost::system::error_code;
using namespace std::chrono_literals;
namespace errc = boost::system::errc;

// Children of this process that have ended and that nobody has reaped.
inline bool has_zombie()
{
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

inline bool has_children()
{
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

struct process_loop
{
    // Runs the loop until `begin`, which gets a callback, has called it back.
    template <class Result, class Begin>
    std::pair<error_code, Result> wait(Begin begin)
    {
        std::optional<std::pair<error_code, Result>> got;
        begin([&](error_code failed, Result result) { got.emplace(failed, std::move(result)); });
        CHECK_FALSE(got); // never inside the call
        REQUIRE(run_until(io, [&] { return got.has_value(); }));
        return std::move(*got);
    }

    auto spawn(std::string path, std::vector<std::string> words, process::options how = {})
    {
        return wait<process::child>([&](auto done) {
            process::spawn(io.get_executor(), std::move(path), std::move(words), std::move(how),
                           std::move(done));
        });
    }
    auto shell(std::string script, process::options how = {})
    {
        return spawn("/bin/sh", {"-c", std::move(script)}, std::move(how));
    }
    auto exec(std::string command, process::options how = {})
    {
        return wait<process::outcome>([&](auto done) {
            process::exec(io.get_executor(), std::move(command), std::move(how), std::move(done));
        });
    }
    auto exec_file(std::string path, std::vector<std::string> words, process::options how = {})
    {
        return wait<process::outcome>([&](auto done) {
            process::exec_file(io.get_executor(), std::move(path), std::move(words), std::move(how),
                               std::move(done));
        });
    }
    exit_status end_of(process::child& child)
    {
        auto const [failed, status] =
            wait<exit_status>([&](auto done) { child.async_wait(std::move(done)); });
        CHECK_FALSE(failed);
        return status;
    }

    net::io_context io{1};
    net::posix::stream_descriptor first{io}; // makes what every loop has, before anybody counts
};

} // namespace covey::test
