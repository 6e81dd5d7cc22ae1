// plain_master: a master in a process of its own, so that a test can kill it. Its workers are
// plain_workers with the words of its command line. When all are ready it prints their pids and
// the address on one line.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <covey/master/master.hpp>
#include <exception>
#include <iostream>

int main(int argc, char** argv)
{
    namespace net = boost::asio;
    net::io_context loop{1};
    covey::options options;
    options.listen = {"127.0.0.1:0"};
    options.workers = 3;
    covey::worker_program program{.path = PLAIN_WORKER, .arguments = {"plain_worker"}};
    program.arguments.insert(program.arguments.end(), argv + 1, argv + argc);

    covey::master master{loop.get_executor(), options, {}, program};
    master.take_signals();
    master.on_ready([&](std::vector<std::string> const& addresses) {
        for (auto const& worker : master.status())
            std::cout << worker.pid << ' ';
        std::cout << addresses.front() << std::endl;
    });
    int result = -1;
    net::co_spawn(loop, master.run(), [&](std::exception_ptr, int code) { result = code; });
    loop.run();
    return result;
}
