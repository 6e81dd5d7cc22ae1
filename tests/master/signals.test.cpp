// What a signal asks of a master: the table, and what is read out of it.
#include <covey/master/signals.hpp>

#include "support/catch.hpp"
#include "support/wait_until.hpp"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <set>
#include <thread>
#include <unistd.h>
#include <vector>

namespace signals_test {

using namespace covey;
using namespace covey::supervision;
using namespace std::chrono_literals;

namespace {

signal_reader::time_point const start{1h};

std::optional<signal_wish> heard(int number, surroundings const& here = {})
{
    return signal_reader{}.read(start, number, here);
}

} // namespace

TEST_CASE("every signal of the table is one wish", "[master][signals]")
{
    CHECK(heard(SIGTERM) == signal_wish::stop);
    CHECK(heard(SIGINT) == signal_wish::stop_fast);
    CHECK(heard(SIGQUIT) == signal_wish::stop);
    CHECK(heard(SIGHUP) == signal_wish::reload);
    CHECK(heard(SIGUSR1) == signal_wish::reopen_log);
    CHECK(heard(SIGUSR2) == signal_wish::upgrade);
    CHECK(heard(SIGTTIN) == signal_wish::one_more);
    CHECK(heard(SIGTTOU) == signal_wish::one_less);
    CHECK(heard(SIGWINCH) == signal_wish::drain_or_go);
    CHECK(heard(SIGCHLD) == std::nullopt);
}

TEST_CASE("any signal to stop means at once when the master stops already", "[master][signals]")
{
    for (auto const number : {SIGTERM, SIGINT, SIGQUIT})
        CHECK(heard(number, {.is_stopping = true}) == signal_wish::stop_now);
}

TEST_CASE("the same signal that comes again at once is the same wish", "[master][signals]")
{
    signal_reader it;
    CHECK(it.read(start, SIGTERM, {}) == signal_wish::stop);
    CHECK(it.read(start + 4ms, SIGTERM, {.is_stopping = true}) == std::nullopt);
    // The window begins with the first: what goes on coming is a wish in the end.
    CHECK(it.read(start + 6ms, SIGTERM, {.is_stopping = true}) == signal_wish::stop_now);

    CHECK(it.read(start + 20ms, SIGTERM, {}) == signal_wish::stop);
    CHECK(it.read(start + 21ms, SIGINT, {.is_stopping = true}) == signal_wish::stop_now);

    CHECK(it.read(start, SIGTTIN, {}) == signal_wish::one_more); // two more are two
    CHECK(it.read(start, SIGTTIN, {}) == signal_wish::one_more);
}

TEST_CASE("a terminal's own signals are told from people's", "[master][signals]")
{
    CHECK(heard(SIGWINCH, {.has_terminal = true}) == std::nullopt); // its size has changed
    CHECK(heard(SIGHUP, {.has_terminal = true}) == signal_wish::reload);
    CHECK(heard(SIGHUP, {.lost_terminal = true}) == signal_wish::stop); // it is gone
}

namespace {

// Turns the loop until as many signals have been heard.
bool until_heard(net::io_context& loop, std::vector<int> const& heard, std::size_t count)
{
    return test::run_until(loop, [&] { return heard.size() >= count; });
}

} // namespace

TEST_CASE("signals are heard in the loop while somebody takes them", "[master][signals]")
{
    sigset_t before;
    REQUIRE(::pthread_sigmask(SIG_BLOCK, nullptr, &before) == 0);
    struct sigaction ignored
    {};
    ignored.sa_handler = SIG_IGN; // as under nohup(1)
    struct sigaction hup_before
    {};
    REQUIRE(::sigaction(SIGHUP, &ignored, &hup_before) == 0);

    net::io_context loop{1};
    std::vector<int> heard;
    {
        signal_orders const orders{loop.get_executor(),
                                   [&](int number) { heard.push_back(number); }};
        ::kill(::getpid(), SIGTERM);
        REQUIRE(until_heard(loop, heard, 1));
        ::kill(::getpid(), SIGHUP);
        ::kill(::getpid(), SIGWINCH);
        REQUIRE(until_heard(loop, heard, 3));
        CHECK(std::set<int>(heard.begin(), heard.end()) == std::set{SIGTERM, SIGHUP, SIGWINCH});
        ::kill(::getpid(), SIGTERM); // and nobody hears it any more
    }
    loop.restart();
    loop.poll();
    CHECK(heard.size() == 3);

    struct sigaction hup
    {};
    REQUIRE(::sigaction(SIGHUP, &hup_before, &hup) == 0);
    CHECK(hup.sa_handler == SIG_IGN);
    sigset_t after;
    REQUIRE(::pthread_sigmask(SIG_BLOCK, nullptr, &after) == 0);
    for (auto const& row : signal_table)
        CHECK(::sigismember(&after, row.number) == ::sigismember(&before, row.number));
}

TEST_CASE("a signal that comes to a thread that was there before is heard all the same",
          "[master][signals]")
{
    std::atomic<bool> enough{false};
    std::thread other{[&] {
        while (!enough)
            std::this_thread::yield();
    }};
    net::io_context loop{1};
    std::vector<int> heard;
    {
        signal_orders const orders{loop.get_executor(),
                                   [&](int number) { heard.push_back(number); }};
        ::pthread_kill(other.native_handle(), SIGTERM);
        CHECK(until_heard(loop, heard, 1));
    }
    enough = true;
    other.join();
    CHECK(heard == std::vector{SIGTERM});
}

TEST_CASE("whoever takes the signals may stop taking them when one is heard", "[master][signals]")
{
    net::io_context loop{1};
    std::vector<int> heard;
    std::optional<signal_orders> orders;
    orders.emplace(loop.get_executor(), [&](int number) {
        heard.push_back(number);
        orders.reset();
    });
    ::kill(::getpid(), SIGTERM);
    ::kill(::getpid(), SIGUSR1); // at the same time: forgotten
    CHECK(until_heard(loop, heard, 1));
    loop.restart();
    loop.poll();
    CHECK(heard.size() == 1);
}

} // namespace signals_test
