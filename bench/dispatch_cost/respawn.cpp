#include "respawn.hpp"

#include "server.hpp"

#include <chrono>
#include <csignal>
#include <harness_child.hpp>
#include <harness_load.hpp>
#include <stdexcept>
#include <string>
#include <sys/socket.h>

namespace covey::bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

double microseconds(clock::duration took)
{
    return std::chrono::duration<double, std::micro>{took}.count();
}

} // namespace

double replacement_us(scratch const& notes)
{
    auto const cluster = start({"covey", "least_loaded"}, 1, notes);
    auto const killed = cluster.workers().at(0);
    auto const begin = clock::now();
    ::kill(killed, SIGKILL);
    auto const answer = ask(cluster.port(), "/pid", 10s);
    auto const took = clock::now() - begin;
    if (!answer)
        throw std::runtime_error{"no answer after a worker was killed"};
    if (*answer == std::to_string(killed))
        throw std::runtime_error{"a killed worker has answered"};
    return microseconds(took);
}

double small_program_us()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::runtime_error{"no socket pair"};
    handle const ours{ends[0]};
    handle theirs{ends[1]};
    auto const path = beside_this_program("bench_first_message");
    auto const begin = clock::now();
    auto program = child::of_program(path, {path}, theirs);
    char said = 0;
    auto const got = ::recv(ours.get(), &said, 1, 0);
    auto const took = clock::now() - begin;
    theirs.reset();
    program.wait(10s);
    if (got != 1)
        throw std::runtime_error{"the small program said nothing"};
    return microseconds(took);
}

} // namespace covey::bench
