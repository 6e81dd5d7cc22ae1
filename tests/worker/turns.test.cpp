// Workers that share a listening socket take turns (worker/intake, shm/turn), here as parts of one
// process that the test runs step by step.
#include "support/catch.hpp"
#include "support/http_client.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <covey/shm/arena.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/subscription.hpp>
#include <covey/worker/change_loop.hpp>
#include <covey/worker/http/router.hpp>
#include <covey/worker/http/server.hpp>
#include <covey/worker/intake.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

namespace turns_test {

using namespace covey;

namespace {

struct hits : covey::state
{
    covey::counter all{*this, "all"};
};
using memory = covey::test::test_segment<hits>;

sockaddr* generic(sockaddr_in& address)
{
    return static_cast<sockaddr*>(static_cast<void*>(&address));
}

struct door
{
    door()
    {
        socklen_t bytes = sizeof address;
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket.get(), generic(address), bytes) == 0);
        REQUIRE(::listen(socket.get(), 128) == 0);
        REQUIRE(::getsockname(socket.get(), generic(address), &bytes) == 0);
    }
    void connect(int count = 1)
    {
        for (; count > 0; --count) {
            clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            REQUIRE(::connect(clients.back().get(), generic(address), sizeof address) == 0);
        }
    }

    handle socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    std::vector<handle> clients;
};

struct taker
{
    taker(memory const& where, std::uint32_t block, door const& entrance,
          std::uint32_t most = covey::worker_load::no_limit)
        : me{where.join(block)}
        , changes{me->who}
    {
        server.emplace(loop, routes, http::limits{}, [this, most](http::traffic const& now) {
            me->who.set_load({.connections = now.connections,
                              .in_flight = now.in_flight,
                              .requests = now.requests,
                              .limit = most});
            if (arrivals)
                arrivals->traffic(now);
        });
        me->who.set_load({.connections = 0, .in_flight = 0, .requests = 0, .limit = most});
        arrivals.emplace(loop, *server);
        telling.emplace(loop, changes, std::chrono::microseconds{0});
        arrivals->take_turns(me->who);
        telling->on_ring([this] { arrivals->rung(); });
        arrivals->listen(entrance.socket.duplicate(), "the door");
    }
    std::uint32_t connections() const { return server->load().connections; }

    net::io_context loop{1};
    http::router routes;
    std::unique_ptr<covey::test::member<hits>> me;
    subscription changes;
    std::optional<http::server> server;
    std::optional<intake> arrivals;
    std::optional<change_loop> telling;
};

class takers
{
  public:
    explicit takers(std::uint32_t count, std::vector<std::uint32_t> most = {})
        : where{count}
    {
        most.resize(count, covey::worker_load::no_limit);
        for (std::uint32_t block = 0; block < count; ++block)
            all.push_back(std::make_unique<taker>(where, block, entrance, most[block]));
        quiet();
    }

    // Runs all loops until none has anything to do.
    void quiet()
    {
        for (std::size_t ran = 1; ran != 0;) {
            ran = 0;
            for (auto const& each : all)
                ran += each->loop.poll();
        }
    }
    bool until_open(std::uint32_t count)
    {
        return test::wait_until([&] {
            quiet();
            return open() == count;
        });
    }
    std::uint32_t open() const
    {
        std::uint32_t out = 0;
        for (auto const& each : all)
            out += each->connections();
        return out;
    }
    std::uint64_t wakes() const
    {
        std::uint64_t out = 0;
        for (auto const& each : all)
            out += each->arrivals->wakes();
        return out;
    }

    memory where;
    door entrance;
    std::vector<std::unique_ptr<taker>> all;
};

} // namespace

TEST_CASE("one connection at a shared socket wakes one worker", "[worker][turns]")
{
    takers it{4};
    for (std::uint32_t i = 1; i <= 10; ++i) {
        // As many as workers, so that nobody finds them taken by a sibling that ran before.
        it.entrance.connect(4);
        int woken = 0;
        for (auto const& each : it.all) {
            auto const before = each->arrivals->wakes();
            each->loop.poll_one();
            woken += each->arrivals->wakes() != before ? 1 : 0;
        }
        CHECK(woken <= 1);
        REQUIRE(it.until_open(4 * i));
    }
    CHECK(it.wakes() == 40);
    for (auto const& each : it.all) {
        CHECK(each->connections() >= 8);
        CHECK(each->connections() <= 12);
    }
}

TEST_CASE("a draining worker gets no new connection from a shared socket", "[worker][turns]")
{
    takers it{2};
    it.entrance.connect(6);
    REQUIRE(it.until_open(6));
    auto& leaver = *it.all[GENERATE(0, 1)];
    auto const held = leaver.connections();
    auto const woken = leaver.arrivals->wakes();
    leaver.arrivals->stop();
    it.entrance.connect(20);
    REQUIRE(it.until_open(26));
    CHECK(leaver.connections() == held);
    CHECK(leaver.arrivals->wakes() == woken);
}

TEST_CASE("a worker at its connection limit passes the turn on", "[worker][turns]")
{
    takers it{2, {3, covey::worker_load::no_limit}};
    it.entrance.connect(20);
    REQUIRE(it.until_open(20));
    CHECK(it.all[0]->connections() == 3);
    CHECK(it.all[1]->connections() == 17);
}

TEST_CASE("a request offers the turn to an idle sibling, and not each of a thousand does",
          "[worker][turns]")
{
    takers it{2};
    auto const& turn = it.where.memory.memory()->head().turn;
    auto const passes = [&] { return turn.load() >> 32; };
    auto const request_to_each = [&] {
        for (auto const& each : it.all) { // quick ones: no sibling has any in flight
            each->arrivals->traffic({.connections = 1, .in_flight = 1, .requests = 0});
            each->arrivals->traffic({.connections = 1, .in_flight = 0, .requests = 0});
        }
    };
    auto const before = passes();
    auto const began = std::chrono::steady_clock::now();
    for (int i = 0; i < 1'000; ++i)
        request_to_each();
    auto const took = std::chrono::steady_clock::now() - began;
    CHECK(passes() > before);
    CHECK(passes() - before <=
          static_cast<std::uint64_t>(2 * (took / intake::rest_between_offers + 1)));
    auto const now = passes();
    CHECK(test::wait_until([&] {
        request_to_each();
        return passes() > now;
    }));
}

TEST_CASE("workers that are all at their limit leave connections waiting until one has room",
          "[worker][turns]")
{
    takers it{2, {2, 3}};
    it.entrance.connect(7);
    REQUIRE(it.until_open(5));
    it.quiet();
    CHECK(it.open() == 5);
    it.entrance.clients.erase(it.entrance.clients.begin(), it.entrance.clients.begin() + 4);
    // Four that were served end; the two that waited come in.
    CHECK(it.until_open(3));
}

TEST_CASE("a worker that stands with the turn is passed over, and comes back", "[worker][turns]")
{
    takers it{2};
    turn_watch watch{it.where.memory.memory(),
                     std::shared_ptr<doorbells const>{&it.where.bells, [](auto const*) {}}};
    it.entrance.connect();
    auto& stands = *it.all[0]; // has joined first; its loop does not run
    CHECK_FALSE(watch.look());
    CHECK(watch.look());
    it.entrance.connect(7);
    CHECK(test::wait_until([&] {
        it.all[1]->loop.poll();
        return it.all[1]->connections() == 8; // and never waits for the other
    }));
    it.entrance.connect(8);
    REQUIRE(it.until_open(16));
    CHECK(stands.connections() > 0);
}

TEST_CASE("without descriptors a worker's accepting pauses, burns nothing and comes back",
          "[worker][turns]")
{
    takers it{1};
    it.entrance.connect(3);
    // Nothing more: the numbers in use have no holes below the newest one.
    handle const newest{::fcntl(it.entrance.clients.back().get(), F_DUPFD_CLOEXEC, 0)};
    ::rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    ::rlimit const low{static_cast<::rlim_t>(newest.get()) + 1, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);

    auto& one = *it.all[0];
    auto const handlers = one.loop.run_for(std::chrono::milliseconds{450});
    auto const woken = one.arrivals->wakes();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(one.connections() == 0);
    CHECK(handlers <= 12);
    CHECK(woken <= 6);
    CHECK(test::run_until(one.loop, [&] { return one.connections() == 3; }));
}

} // namespace turns_test
