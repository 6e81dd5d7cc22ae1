// Signals as something the loop hears of, and what other processes and threads notice of that.
#include "support/catch.hpp"
#include "support/descriptor_limit.hpp"
#include "support/wait_until.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <covey/protocol/signal_watch.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace signal_watch_test {

using namespace covey;
using namespace covey::test;
using protocol::signal_watch;

namespace {

constexpr std::array watched{SIGUSR1, SIGTERM, SIGHUP};

struct listener
{
    boost::asio::io_context loop;
    std::vector<int> heard;
    std::optional<signal_watch> watch{std::in_place, loop.get_executor(), watched,
                                      [this](int number) { heard.push_back(number); }};
    bool until(std::size_t count)
    {
        return run_until(loop, [&] { return heard.size() >= count; });
    }
};

// What /proc says of the signals of a program that is started without any care for them.
std::string signals_of_a_program(std::string const& line)
{
    std::string const command = "grep " + line + " /proc/self/status";
    auto* const pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::array<char, 100> said{};
    auto const got = std::fread(said.data(), 1, said.size(), pipe);
    CHECK(::pclose(pipe) == 0);
    return {said.data(), got};
}

} // namespace

TEST_CASE("a watched signal is told to the loop, by its number", "[protocol][signals]")
{
    listener it;
    ::raise(SIGUSR1);
    REQUIRE(it.until(1));
    ::raise(SIGHUP);
    REQUIRE(it.until(2));
    CHECK(it.heard == std::vector{SIGUSR1, SIGHUP});
}

TEST_CASE("signals of several numbers that come at once are told once each", "[protocol][signals]")
{
    listener it;
    for (int i = 0; i != 100; ++i)
        for (auto const number : watched)
            ::raise(number);
    REQUIRE(it.until(watched.size()));
    it.loop.poll();
    CHECK(it.heard.size() == watched.size());
}

TEST_CASE("a signal that another thread gets is told as well", "[protocol][signals]")
{
    listener it;
    std::thread{[] { ::raise(SIGTERM); }}.join();
    REQUIRE(it.until(1));
    CHECK(it.heard == std::vector{SIGTERM});
}

TEST_CASE("a program that is started beside a watch has its signals as they were",
          "[protocol][signals]")
{
    auto const blocked = signals_of_a_program("SigBlk");
    auto const ignored = signals_of_a_program("SigIgn");
    listener it;
    CHECK(signals_of_a_program("SigBlk") == blocked);
    CHECK(signals_of_a_program("SigIgn") == ignored);
}

TEST_CASE("a signal to a forked child ends the child and is not the parent's",
          "[protocol][signals]")
{
    listener it;
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0)
        for (;;)
            ::pause();
    ::kill(child, SIGTERM);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGTERM);
    ::raise(SIGUSR1);
    REQUIRE(it.until(1));
    CHECK(it.heard == std::vector{SIGUSR1});
}

TEST_CASE("signals that were blocked at the start are heard, and blocked again afterwards",
          "[protocol][signals]")
{
    sigset_t usr1;
    ::sigemptyset(&usr1);
    ::sigaddset(&usr1, SIGUSR1);
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &usr1, &before);
    {
        listener it;
        ::raise(SIGUSR1);
        REQUIRE(it.until(1));
    }
    sigset_t now;
    ::pthread_sigmask(SIG_SETMASK, &before, &now);
    CHECK(::sigismember(&now, SIGUSR1) == 1);
}

TEST_CASE("a watch may end in what it calls, and leaves the dispositions as they were",
          "[protocol][signals]")
{
    boost::asio::io_context loop;
    bool called = false;
    std::optional<signal_watch> watch;
    watch.emplace(loop.get_executor(), watched, [&](int) {
        called = true;
        watch.reset();
    });
    ::raise(SIGHUP);
    REQUIRE(run_until(loop, [&] { return called; }));
    struct sigaction now
    {};
    ::sigaction(SIGHUP, nullptr, &now);
    CHECK(now.sa_handler == SIG_DFL);
}

TEST_CASE("a watch without a descriptor is an error and changes nothing", "[protocol][signals]")
{
    boost::asio::io_context loop;
    auto const executor = loop.get_executor();
    auto const handler_of = [](int number) {
        struct sigaction now
        {};
        ::sigaction(number, nullptr, &now);
        return now.sa_handler;
    };
    auto* const before = handler_of(SIGTERM);
    {
        descriptor_limit const none{0};
        CHECK_THROWS_AS((signal_watch{executor, watched, [](int) {}}), boost::system::system_error);
    }
    CHECK(handler_of(SIGTERM) == before);
}

} // namespace signal_watch_test
