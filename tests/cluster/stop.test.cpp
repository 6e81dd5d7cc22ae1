// How a cluster stops: nothing in flight is lost, and nothing holds it up for ever.
#include "cluster.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace stop_test {

using namespace covey::test;
using namespace std::chrono_literals;

TEST_CASE("an idle cluster stops at SIGTERM with exit code 0", "[cluster][stop]")
{
    auto const number = GENERATE(SIGTERM, SIGINT);
    cluster it{BOARD, 2};
    auto idle = it.one_on_each(2);
    auto const pids = it.workers();
    it.process.signal(number);
    CHECK(it.process.wait_for_end() == 0);
    for (auto& client : idle)
        CHECK(client.at_end());
    for (auto const pid : pids)
        CHECK(is_gone(pid));
}

TEST_CASE("a request in flight is finished before a stop", "[cluster][stop]")
{
    cluster it{SANDBOX, 2};
    auto idle = it.one_on_each(2);
    auto slow = it.connect();
    slow.send(request_text("GET", "/slow?ms=700"));
    REQUIRE(wait_until([&] { return it.has_logged("/slow?ms=700 begins"); }));
    it.process.signal(SIGTERM);
    for (auto& client : idle)
        CHECK(client.at_end());
    auto const answer = slow.read();
    CHECK(answer.status == 200);
    CHECK(answer.body == "done");
    CHECK(slow.at_end());
    CHECK(it.process.wait_for_end() == 0);
}

TEST_CASE("a stop under load loses no request", "[cluster][stop]")
{
    auto const* const policy = GENERATE("shared", "round_robin", "least_loaded", "reuseport");
    CAPTURE(policy);
    cluster it{BOARD, 3, {"--dispatch", policy}};
    constexpr std::size_t count = 12;
    std::vector<std::atomic<int>> acknowledged(count);
    std::atomic<int> lost{0};
    std::vector<std::thread> clients;
    for (auto& mine : acknowledged)
        clients.emplace_back([&] {
            auto client = it.connect();
            // Until it is told that its connection ends: a request on an open one is answered.
            for (bool last = false; !last;) {
                auto const answer = ask(client, "GET", "/visits");
                answer.status == 200 ? ++mine : ++lost;
                last = answer.status != 200 || answer.header("Connection") == "close";
            }
        });
    CHECK(wait_until([&] {
        return std::all_of(acknowledged.begin(), acknowledged.end(),
                           [](auto const& one) { return one > 20; });
    }));
    it.process.signal(SIGTERM);
    for (auto& one : clients)
        one.join();
    CHECK(lost == 0);
    CHECK(it.process.wait_for_end() == 0);
    INFO(it.process.errors());
    CHECK_FALSE(it.has_logged("Killed"));
}

TEST_CASE("a second SIGTERM ends the cluster at once", "[cluster][stop]")
{
    cluster it{SANDBOX, 2, {"--drain-deadline", "60m"}};
    auto slow = it.connect();
    slow.send(request_text("GET", "/slow?ms=3600000"));
    REQUIRE(wait_until([&] { return it.has_logged("/slow?ms=3600000 begins"); }));
    auto const pids = it.workers();
    it.process.signal(SIGTERM);
    REQUIRE(wait_until([&] { return it.has_logged("SIGTERM received"); }));
    REQUIRE(wait_until([&] { return it.workers().size() == 1; })); // the other one waits
    std::this_thread::sleep_for(50ms); // signals that come together are one wish
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
    CHECK(slow.read().status == 0);
    for (auto const pid : pids)
        CHECK(is_gone(pid));
}

TEST_CASE("the drain deadline ends a request that does not", "[cluster][stop]")
{
    std::string const path = GENERATE("/slow?ms=3600000", "/never");
    CAPTURE(path);
    cluster it{SANDBOX, 2, {"--drain-deadline", "300ms"}};
    auto stuck = it.connect();
    stuck.send(request_text("GET", path));
    REQUIRE(wait_until([&] { return it.has_logged(path + " begins"); }));
    auto const began = std::chrono::steady_clock::now();
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
    CHECK(std::chrono::steady_clock::now() - began >= 300ms); // never before its time
    CHECK(stuck.read().status == 0);
}

} // namespace stop_test
