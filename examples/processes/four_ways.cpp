// four_ways: spawn, exec, exec_file and fork, side by side.
#include <boost/asio.hpp>
#include <covey/master/process/exec.hpp>
#include <covey/master/process/fork.hpp>
#include <iostream>

namespace net = boost::asio;
namespace process = covey::process;
using namespace std::chrono_literals;
int child()
{
    net::io_context io{1};
    auto parent = process::parent(io.get_executor());
    parent->on_request([&](covey::message said) -> net::awaitable<covey::datum> {
        co_return covey::datum{said.body.as<std::string>().value_or("") + ", says the child"};
    });
    parent->on_end([&](boost::system::error_code) { io.stop(); });
    io.run();
    return 0;
}

net::awaitable<void> parent()
{
    auto const executor = co_await net::this_coro::executor;
    // A program with streams: write to it and read from it while it runs.
    std::vector<std::string> const numeric{"-n"}; // GCC 12 takes no list inside co_await
    auto sort = co_await process::spawn(executor, "sort", numeric, {}, net::use_awaitable);
    co_await net::async_write(sort.input(), net::buffer("30\n4\n", 5), net::use_awaitable);
    sort.input().close();
    std::string sorted(5, ' ');
    co_await net::async_read(sort.output(), net::buffer(sorted), net::use_awaitable);
    std::cout << "spawn: " << sorted;

    // A command of the shell, run to its end, with its output.
    auto const counted =
        co_await process::exec(executor, "seq 5 | wc -l", {.timeout = 5s}, net::use_awaitable);
    std::cout << "exec: " << counted.output;

    // The same without a shell: words arrive as they are.
    std::vector<std::string> const words{"$HOME; no shell reads this"};
    auto const echoed =
        co_await process::exec_file(executor, "echo", words, {}, net::use_awaitable);
    std::cout << "exec_file: " << echoed.output;

    // A program to talk with: here this one again, with another argument.
    std::vector<std::string> const role{"child"};
    auto made = co_await process::fork(executor, "", role, {}, net::use_awaitable);
    auto const reply = co_await made.channel().async_request("hello", 5s, net::use_awaitable);
    std::cout << "fork: " << reply.body.as<std::string>().value_or("") << "\n";
}

int main(int argc, char**)
{
    if (argc > 1)
        return child();
    net::io_context io{1};
    net::co_spawn(io, parent(), net::detached);
    io.run();
}
