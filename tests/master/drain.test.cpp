// How a master stops: what is in flight is finished, and nothing holds it up for ever.
#include "plain_cluster.hpp"
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/program.hpp"

#include <chrono>
#include <covey/master/dispatch.hpp>
#include <filesystem>
#include <memory>
#include <unistd.h>

namespace drain_test {

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;

TEST_CASE("an idle cluster stops at once, gracefully", "[master][drain][cluster]")
{
    plain_cluster it{plain_options(2)};
    REQUIRE(it.until_ready());
    it.master->stop();
    it.master->stop(); // twice is once
    REQUIRE(it.until_over());
    CHECK(it.result == 0);
    CHECK(it.master->failure() == "");
    for (auto const& one : it.master->status()) {
        CHECK(one.state == worker_state::none);
        CHECK(one.starts == 1);
    }
}

TEST_CASE("a stopping cluster answers who is connected and refuses who comes",
          "[master][drain][cluster]")
{
    plain_cluster it{plain_options(2)};
    REQUIRE(it.until_ready());
    auto busy = std::make_unique<plain_client>(it);
    REQUIRE(busy->seat() >= 0);
    it.master->stop();
    it.loop.run_for(20ms);
    CHECK_THROWS(plain_client{it});
    busy->send("still here?\n");
    CHECK(busy->line() == "still here?");
    CHECK_FALSE(it.result);
    busy.reset();
    REQUIRE(it.until_over());
    CHECK(it.result == 0);
}

TEST_CASE("what was in the backlog when the stop came is answered", "[master][drain][cluster]")
{
    plain_cluster it{plain_options(2)};
    REQUIRE(it.until_ready());
    std::vector<std::unique_ptr<plain_client>> clients;
    for (int i = 0; i < 40; ++i) // more than two windows
        clients.push_back(std::make_unique<plain_client>(it));
    it.master->stop(); // the loop has not turned since they connected
    for (auto const& one : clients)
        CHECK(one->seat() >= 0);
    clients.clear();
    REQUIRE(it.until_over());
    CHECK(it.result == 0);
}

TEST_CASE("a worker that does not stop is killed after the deadline", "[master][drain][cluster]")
{
    auto settings = plain_options(2);
    settings.drain_deadline = 200ms;
    settings.kill_after = 100ms;
    std::vector<std::string> words;
    SECTION("because it does not listen")
    {
        words = {"ignore-stop@1"};
    }
    SECTION("because it loops")
    {
        words = {"spin@1"};
    }
    SECTION("because somebody stopped it")
    {}
    plain_cluster it{settings, words};
    REQUIRE(it.until_ready());
    if (words.empty()) {
        ::kill(it.pid(1), SIGSTOP);
        REQUIRE(wait_until([&] { return is_stopped(it.pid(1)); }));
    }
    auto const began = std::chrono::steady_clock::now();
    it.master->stop();
    REQUIRE(it.until_over());
    CHECK(std::chrono::steady_clock::now() - began >= 300ms); // never before its time
    CHECK(it.result == 0);
    CHECK(it.worker(1).starts == 1);
}

TEST_CASE("a stop before the workers are ready does not wait for the deadline",
          "[master][drain][cluster]")
{
    auto settings = plain_options(2);
    settings.drain_deadline = 1h;
    settings.kill_after = 100ms;
    plain_cluster it{settings, {"hang-before-ready"}};
    SECTION("while they start")
    {
        it.loop.run_for(5ms);
    }
    SECTION("before they are forked")
    {}
    it.master->stop();
    REQUIRE(it.until_over());
    CHECK(it.result == 0);
    CHECK(it.announced == 0);
}

TEST_CASE("a stop while a seat waits to be started again starts nothing",
          "[master][drain][cluster]")
{
    plain_cluster it{plain_options(2), {"die-before-ready=1@1"}};
    REQUIRE(it.until(
        [&] { return it.worker(1).starts >= 2 && it.worker(1).state == worker_state::none; }));
    auto const starts = it.worker(1).starts;
    it.master->stop();
    REQUIRE(it.until_over());
    CHECK(it.worker(1).starts == starts);
}

TEST_CASE("a worker killed while the cluster stops is not replaced", "[master][drain][cluster]")
{
    plain_cluster it{plain_options(2)};
    REQUIRE(it.until_ready());
    plain_client first{it};
    plain_client second{it};
    REQUIRE(first.seat() + second.seat() == 1);
    it.master->stop();
    it.loop.run_for(20ms);
    ::kill(it.pid(0), SIGKILL);
    REQUIRE(it.until([&] { return it.worker(0).state == worker_state::none; }));
    ::kill(it.pid(1), SIGKILL);
    REQUIRE(it.until_over());
    CHECK(it.result == 0);
    CHECK(it.worker(0).starts == 1);
}

TEST_CASE("SIGTERM stops gracefully and a second signal at once", "[master][drain][cluster]")
{
    auto settings = plain_options(2);
    settings.drain_deadline = 1h;
    plain_cluster it{settings};
    it.master->take_signals();
    REQUIRE(it.until_ready());
    plain_client busy{it};
    REQUIRE(busy.seat() >= 0);

    ::kill(::getpid(), SIGTERM);
    REQUIRE(it.until([&] { return it.worker(0).state != worker_state::ready; }));
    it.loop.run_for(20ms);
    CHECK_FALSE(it.result); // it waits for the client
    ::kill(::getpid(), GENERATE(SIGTERM, SIGINT));
    REQUIRE(it.until_over());
    CHECK(it.result == 0);
    CHECK(busy.line() == "closed");
}

TEST_CASE("two signals that come together are one", "[master][drain][cluster]")
{
    auto settings = plain_options(1);
    settings.drain_deadline = 1h;
    plain_cluster it{settings};
    it.master->take_signals();
    REQUIRE(it.until_ready());
    plain_client busy{it};
    REQUIRE(busy.seat() >= 0);
    ::kill(::getpid(), SIGTERM);
    ::kill(::getpid(), SIGTERM);
    REQUIRE(it.until([&] { return it.worker(0).state == worker_state::draining; }));
    it.loop.run_for(100ms);
    CHECK_FALSE(it.result);
    busy.send("still here\n");
    CHECK(busy.line() == "still here");
}

TEST_CASE("connections nobody took before the end are closed", "[master][drain][cluster]")
{
    auto const before = descriptor_count();
    {
        auto settings = plain_options(1);
        settings.drain_deadline = 100ms;
        settings.kill_after = 50ms;
        plain_cluster it{settings, {"no-ack"}};
        REQUIRE(it.until_ready());
        std::vector<std::unique_ptr<plain_client>> clients;
        for (int i = 0; i < 20; ++i)
            clients.push_back(std::make_unique<plain_client>(it));
        REQUIRE(it.until([&] { return it.worker(0).unacknowledged == supervision::window; }));
        it.master->stop();
        REQUIRE(it.until_over());
        for (auto const& one : clients)
            CHECK(one->line() == "closed");
    }
    CHECK(descriptor_count() == before);
}

TEST_CASE("a unix socket's file goes when the cluster stops", "[master][drain][cluster]")
{
    auto const path = "/tmp/covey-drain-" + std::to_string(::getpid()) + ".sock";
    auto settings = plain_options(1);
    settings.listen = {"unix:" + path};
    plain_cluster it{settings};
    REQUIRE(it.until_ready());
    CHECK(it.addresses == std::vector<std::string>{"unix:" + path});
    ::kill(it.pid(0), SIGKILL); // a worker's death removes nothing
    REQUIRE(it.until_replaced(0, it.pid(0)));
    CHECK(std::filesystem::is_socket(path));
    it.master->stop();
    REQUIRE(it.until_over());
    CHECK_FALSE(std::filesystem::exists(path));
}

} // namespace drain_test
