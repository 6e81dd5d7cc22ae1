// What signals do to a running cluster, under load where that matters.
#include "cluster.hpp"

#include <atomic>
#include <chrono>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

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
