// What signals do to a running cluster, under load where that matters.
#include "cluster.hpp"

#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

namespace orders_test {

using namespace covey::test;
using namespace std::chrono_literals;

TEST_CASE("reloads under load lose no request", "[cluster][reload]")
{
    auto const* const policy = GENERATE("shared", "round_robin", "least_loaded", "reuseport");
    CAPTURE(policy);
    cluster it{BOARD, 2, {"--dispatch", policy}};
    auto const before = it.workers();
    std::atomic<bool> enough{false};
    std::atomic<int> answered{0};
    std::atomic<int> lost{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 8; ++i)
        clients.emplace_back([&] {
            while (!enough) {
                auto client = it.connect();
                for (bool last = false; !last && !enough;) {
                    auto const answer = ask(client, "GET", "/visits");
                    answer.status == 200 ? ++answered : ++lost;
                    last = answer.status != 200 || answer.header("Connection") == "close";
                }
            }
        });
    for (int generation = 1; generation <= 2; ++generation) {
        it.process.signal(SIGHUP);
        auto const line = "generation " + std::to_string(generation) + " serves";
        CHECK(wait_until([&] { return it.has_logged(line); }));
    }
    CHECK(wait_until([&] {
        auto const now = it.workers();
        return now.size() == 2 && std::none_of(before.begin(), before.end(), [&](pid_t old) {
                   return std::find(now.begin(), now.end(), old) != now.end();
               });
    }));
    enough = true;
    for (auto& one : clients)
        one.join();
    CHECK(lost == 0);
    CHECK(answered > 0);
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
}

TEST_CASE("signals scale a cluster by one worker", "[cluster][signals]")
{
    cluster it{SANDBOX, 2};
    it.process.signal(SIGTTIN);
    CHECK(wait_until([&] { return it.workers().size() == 3; }));
    it.process.signal(SIGTTOU);
    CHECK(wait_until([&] { return it.workers().size() == 2; }));
    it.process.signal(SIGUSR1);
    it.process.signal(SIGUSR2);
    CHECK(wait_until([&] { return it.has_logged("no upgrade of the master yet"); }));
    CHECK(it.ask("GET", "/healthz").status == 200);
    it.process.signal(SIGQUIT);
    CHECK(it.process.wait_for_end() == 0);
}

TEST_CASE("a terminal's interrupt to every process of a cluster is one quick stop",
          "[cluster][signals]")
{
    cluster it{SANDBOX, 2, {"--drain-deadline", "60m"}};
    auto slow = it.connect();
    slow.send(request_text("GET", "/slow?ms=3600000"));
    REQUIRE(wait_until([&] { return it.has_logged("/slow?ms=3600000 begins"); }));
    auto const pids = it.workers();
    for (auto const pid : pids)
        ::kill(pid, SIGINT); // they leave what it means to the master
    it.process.signal(SIGINT);
    CHECK(it.process.wait_for_end() == 0);
    CHECK(slow.read().status == 0);
    CHECK_FALSE(it.has_logged("Interrupt"));
    for (auto const pid : pids)
        CHECK(is_gone(pid));
}

TEST_CASE(
    "a window's change makes every worker leave and the master stay, and the next one undoes it",
    "[cluster][signals]")
{
    // Without a terminal, which would send the signal when its size changes.
    cluster it{"/usr/bin/setsid", 2, {ECHO}};
    auto const master = it.process.pid();
    auto const before = it.workers();
    it.process.signal(SIGWINCH);
    REQUIRE(wait_until([&] { return it.workers().empty(); }));
    auto waits = it.connect(); // in the backlog
    waits.send(request_text("POST", "/", "hello"));
    CHECK(it.workers().empty());
    it.process.signal(SIGWINCH);
    CHECK(waits.read().body == "hello");
    CHECK(wait_until([&] { return it.workers().size() == 2; }));
    for (auto const pid : it.workers())
        CHECK(std::count(before.begin(), before.end(), pid) == 0);
    CHECK_FALSE(is_gone(master));
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
}

TEST_CASE("a graceful stop finishes what is in flight, and the same signal again kills",
          "[cluster][signals]")
{
    auto const number = GENERATE(SIGTERM, SIGQUIT);
    CAPTURE(number);
    cluster it{SANDBOX, 2, {"--drain-deadline", "60m"}};
    auto quick = it.connect();
    auto slow = it.connect();
    quick.send(request_text("GET", "/slow?ms=500"));
    slow.send(request_text("GET", "/slow?ms=3600000"));
    REQUIRE(wait_until([&] { return it.has_logged("/slow?ms=3600000 begins"); }));
    REQUIRE(wait_until([&] { return it.has_logged("/slow?ms=500 begins"); }));
    it.process.signal(number);
    CHECK(quick.read().body == "done");
    CHECK(it.process.is_running());
    it.process.signal(number);
    CHECK(it.process.wait_for_end() == 0);
    CHECK(slow.read().status == 0);
}

} // namespace orders_test
