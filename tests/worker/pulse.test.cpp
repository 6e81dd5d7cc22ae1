// What the master's watchdog sees of a worker: beats while there is something to do, and silence.
#include "played_master.hpp"

#include <chrono>
#include <covey/worker/http/event_stream.hpp>
#include <fstream>
#include <memory>
#include <thread>

namespace pulse_test {

namespace http = covey::http;
namespace protocol = covey::protocol;
using covey::test::board;
using covey::test::get;
using covey::test::http_client;
using covey::test::played_master;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

void set_up_more(covey::runtime& worker, board& state)
{
    covey::test::set_up(worker, state);
    worker.route("GET", "/spin", [](http::request const&) -> http::response {
        for (;;)
            std::this_thread::yield();
    });
    worker.route("GET", "/compute", [&worker](http::request const&) -> http::response {
        for (;;) {
            worker.heartbeat();
            std::this_thread::sleep_for(1ms);
        }
    });
    auto const feed =
        std::make_shared<http::event_stream>(worker.get_executor(), http::event_stream::options{});
    worker.route("GET", "/events",
                 [feed](http::request const& asked) { return feed->open(asked); });
}

struct watched : played_master<>
{
    explicit watched(std::uint64_t every_ms)
        : played_master<>{set_up_more}
    {
        beat_ms = every_ms;
        start();
    }
    std::uint64_t beats() { return memory().beats_of(1); }
    bool beat(std::uint64_t times)
    {
        auto const before = beats();
        return wait_until([&] { return beats() >= before + times; });
    }
    // Nothing for so long.
    bool is_quiet(std::chrono::milliseconds time)
    {
        auto const before = beats();
        return !wait_until([&] { return beats() != before; }, time);
    }
};

// How often a process has been given the processor: it makes no system call and runs no
// instruction without.
std::string switches_of(pid_t pid)
{
    std::ifstream in{"/proc/" + std::to_string(pid) + "/status"};
    std::string line;
    std::string out;
    while (std::getline(in, line))
        if (line.find("ctxt_switches") != line.npos)
            out += line;
    return out;
}

} // namespace

TEST_CASE("a worker says that it is awake and beats while it has connections", "[worker][pulse]")
{
    watched master{5};
    CHECK(wait_until([&] { return master.is_quiet(50ms); }));
    auto client = master.pass(1);
    CHECK(master.expect<protocol::accepted>().ticket == 1);
    master.expect<protocol::awake>();
    bool ends = true;
    SECTION("idle ones")
    {}
    SECTION("event streams alone")
    {
        client.send(get("/events"));
        REQUIRE(client.read_until("retry: "));
    }
    SECTION("a request that waits")
    {
        client.send(get("/never"));
        ends = false;
    }
    CHECK(master.beat(20));
    if (!ends)
        return;
    client.close();
    REQUIRE(wait_until([&] { return master.memory().load_of(1).connections == 0; }));
    CHECK(wait_until([&] { return master.is_quiet(50ms); }));
    auto other = master.pass(2);
    CHECK(master.expect<protocol::accepted>().ticket == 2);
    master.expect<protocol::awake>();
}

TEST_CASE("short connections do not wake the master each", "[worker][pulse]")
{
    watched master{60'000};
    for (std::uint64_t ticket = 1; ticket <= 20; ++ticket) {
        auto client = master.pass(ticket);
        CHECK(master.expect<protocol::accepted>().ticket == ticket);
        if (ticket == 1)
            master.expect<protocol::awake>();
        client.close();
        REQUIRE(wait_until([&] { return master.memory().load_of(1).connections == 0; }));
    }
    CHECK(master.is_silent());
}

TEST_CASE("a handler that never ends stops the beats", "[worker][pulse]")
{
    watched master{5};
    auto client = master.pass(1);
    master.expect<protocol::accepted>();
    master.expect<protocol::awake>();
    client.send(get("/spin"));
    REQUIRE(wait_until([&] { return master.memory().load_of(1).in_flight == 1; }));
    CHECK(master.is_quiet(200ms));
    CHECK(master.memory().load_of(1).connections == 1); // so it has something to do
}

TEST_CASE("a handler that computes for long shows that it lives", "[worker][pulse]")
{
    watched master{60'000};
    auto client = master.pass(1);
    master.expect<protocol::accepted>();
    client.send(get("/compute"));
    REQUIRE(wait_until([&] { return master.memory().load_of(1).in_flight == 1; }));
    CHECK(master.beat(20));
}

TEST_CASE("every message from the master that is handled is a beat", "[worker][pulse]")
{
    watched master{60'000};
    auto const before = master.beats();
    for (std::uint64_t revision = 1; revision <= 10; ++revision)
        master.send(
            protocol::change{.field = 3, .kind = 2, .revision = revision, .key = {}, .row = {}});
    CHECK(wait_until([&] { return master.beats() >= before + 10; }));
}

TEST_CASE("an idle worker does nothing at all", "[worker][pulse]")
{
    watched master{5};
    bool const has_served = GENERATE(false, true);
    if (has_served) {
        auto client = master.pass(1);
        client.send(get("/visit"));
        CHECK(client.read().status == 200);
        client.close();
    }
    // Until the timers that a connection leaves behind have found out that they are not needed.
    REQUIRE(wait_until([&] {
        auto const before = switches_of(master.pid());
        std::this_thread::sleep_for(600ms);
        return switches_of(master.pid()) == before;
    }));
    auto const before = switches_of(master.pid());
    REQUIRE_FALSE(before.empty());
    std::this_thread::sleep_for(2s);
    CHECK(switches_of(master.pid()) == before);
}

} // namespace pulse_test
