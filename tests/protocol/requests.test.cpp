// Requests and their replies: answered, late, twice, never, and when all is over.
#include "support/catch.hpp"
#include "talkers.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <stdexcept>

namespace requests_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::application;
using covey::test::body_of;
using covey::test::error_code;
using covey::test::raw_talker;
using covey::test::two_talkers;
using namespace std::chrono_literals;

namespace {

// The results of requests, by the order of their completion.
struct replies
{
    std::vector<std::pair<error_code, message>> all;
    auto operator()()
    {
        return [this](error_code failed, message said) { all.emplace_back(failed, said); };
    }
};

net::awaitable<datum> pause(std::chrono::milliseconds time, datum then)
{
    net::steady_timer timer{co_await net::this_coro::executor, time};
    co_await timer.async_wait(net::use_awaitable);
    co_return then;
}

} // namespace

TEST_CASE("requests are answered, also out of order", "[messenger]")
{
    two_talkers talk;
    talk.right->on_request([](message asked) -> net::awaitable<datum> {
        auto const number = asked.body.as<int>().value();
        if (number == 0)
            co_return co_await pause(50ms, 0);
        co_return number * 10;
    });
    replies got;
    for (int i = 0; i < 3; ++i)
        talk.left->async_request(i, 10s, got());
    REQUIRE(talk.run_until([&] { return got.all.size() == 3; }));
    CHECK(got.all[0].second.body == datum{10});
    CHECK(got.all[1].second.body == datum{20});
    CHECK(got.all[2].second.body == datum{0});
}

TEST_CASE("a coroutine asks and gets a reply, or what was thrown", "[messenger]")
{
    two_talkers talk;
    talk.right->on_request([](message asked) -> net::awaitable<datum> {
        if (asked.body == datum{"bad"})
            throw std::runtime_error{"I do not like that"};
        co_return datum::array{asked.body, asked.body};
    });
    auto done = net::co_spawn(
        talk.loop,
        [&]() -> net::awaitable<void> {
            auto const reply = co_await talk.left->async_request("x", 10s, net::use_awaitable);
            CHECK(reply.body == datum{datum::array{"x", "x"}});
        },
        net::use_future);
    replies got;
    talk.left->async_request("bad", 10s, got());
    REQUIRE(talk.run_until(
        [&] { return got.all.size() == 1 && done.wait_for(0s) == std::future_status::ready; }));
    done.get();
    CHECK(got.all[0].first == error::request_failed);
    CHECK(got.all[0].second.body == datum{"I do not like that"});
}

TEST_CASE("a request times out, and a reply that comes later is ignored", "[messenger]")
{
    raw_talker talk;
    replies got;
    talk.left.async_request("?", 10ms, got());
    REQUIRE(talk.run_until([&] { return got.all.size() == 1; }));
    CHECK(got.all[0].first == net::error::timed_out);
    talk.say(talk_kind::reply, 1, body_of(1));
    talk.loop.run_for(20ms);
    CHECK(got.all.size() == 1);
    CHECK(talk.left.is_open());
}

TEST_CASE("duplicate and bogus replies are ignored", "[messenger]")
{
    raw_talker talk;
    application left{talk.left};
    replies got;
    talk.left.async_request("?", 10s, got());
    for (std::uint64_t number : {0ull, 2ull, ~0ull, 1ull, 1ull})
        talk.say(talk_kind::reply, number, body_of(number));
    talk.say(talk_kind::failure, 1, body_of("late"));
    talk.say(talk_kind::message, 0, body_of("last"));
    REQUIRE(talk.run_until([&] { return left.messages.size() == 1; }));
    REQUIRE(got.all.size() == 1);
    CHECK(got.all[0].second.body == datum{1});
}

TEST_CASE("pending requests fail when the conversation ends, and none is forgotten", "[messenger]")
{
    two_talkers talk;
    replies got;
    for (int i = 0; i < 100; ++i)
        talk.left->async_request(i, 1h, got());
    talk.loop.poll();
    CHECK(got.all.empty());
    SECTION("because the peer goes")
    {
        talk.right.reset();
        REQUIRE(talk.run_until([&] { return got.all.size() == 100; }));
        CHECK(got.all[0].first == error::closed);
    }
    SECTION("because the messenger is destroyed")
    {
        talk.left.reset();
        CHECK(got.all.empty());
        REQUIRE(talk.run_until([&] { return got.all.size() == 100; }));
        CHECK(got.all[0].first == net::error::operation_aborted);
    }
    SECTION("and a request after that fails at once")
    {
        talk.right.reset();
        REQUIRE(talk.run_until([&] { return got.all.size() == 100; }));
        talk.left->async_request(1, 1h, got());
        REQUIRE(talk.run_until([&] { return got.all.size() == 101; }));
        CHECK(got.all[100].first == error::closed);
    }
}

TEST_CASE("a request may be cancelled", "[messenger]")
{
    two_talkers talk;
    net::cancellation_signal stop;
    replies got;
    talk.left->async_request(1, 1h, net::bind_cancellation_slot(stop.slot(), got()));
    talk.loop.poll();
    stop.emit(net::cancellation_type::all);
    REQUIRE(talk.run_until([&] { return got.all.size() == 1; }));
    CHECK(got.all[0].first == net::error::operation_aborted);
}

TEST_CASE("a peer that never answers costs a bounded number of requests", "[messenger]")
{
    two_talkers talk{{.requests_pending_max = 10}};
    replies got;
    for (int i = 0; i < 15; ++i)
        talk.left->async_request(i, 1h, got());
    REQUIRE(talk.run_until([&] { return got.all.size() == 5; }));
    for (auto const& [failed, reply] : got.all)
        CHECK(failed == error::too_many_requests);
}

TEST_CASE("no more requests run at a time than may, and all are answered", "[messenger]")
{
    two_talkers talk{{.requests_running_max = 4}};
    int running = 0, most = 0;
    talk.right->on_request([&](message asked) -> net::awaitable<datum> {
        most = std::max(most, ++running);
        co_await pause(1ms, nullptr);
        --running;
        co_return asked.body;
    });
    replies got;
    for (int i = 0; i < 50; ++i)
        talk.left->async_request(i, 30s, got());
    REQUIRE(talk.run_until([&] { return got.all.size() == 50; }));
    for (auto const& [failed, reply] : got.all)
        CHECK_FALSE(failed);
    CHECK(most == 4);
}

TEST_CASE("replies larger than the channel's queue all arrive", "[messenger]")
{
    two_talkers talk;
    std::string const large(400'000, 'r');
    talk.right->on_request([&](message) -> net::awaitable<datum> { co_return large; });
    replies got;
    for (int i = 0; i < 20; ++i)
        talk.left->async_request(i, 30s, got());
    REQUIRE(talk.run_until([&] { return got.all.size() == 20; }));
    for (auto const& [failed, reply] : got.all)
        CHECK((!failed && reply.body.size() == large.size()));
}

TEST_CASE("outstanding calls do not outlive a loop that is destroyed", "[messenger]")
{
    auto loop = std::make_unique<net::io_context>(1);
    auto [ours, theirs] = make_socket_pair();
    auto const witness = std::make_shared<int>();
    std::weak_ptr<int> const watched = witness;
    auto talker = std::make_shared<messenger>(loop->get_executor(), std::move(ours));
    std::string const large(500'000, 'x');
    while (talker->send(large) != send_status::would_block) {
    }
    talker->async_request(1, 1h, [talker, witness](error_code, message) {});
    talker->async_drained([talker, witness](error_code) {});
    talker->async_flushed([talker, witness](error_code) {});
    loop->poll();
    talker.reset(); // now it is owned by the handlers, which it owns
    loop.reset();
    CHECK(watched.use_count() == 1); // ours
}

} // namespace requests_test
