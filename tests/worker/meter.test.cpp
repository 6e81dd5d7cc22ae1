// What a worker counts of its HTTP: which word, how often, and how long it took.
#include "support/catch.hpp"
#include "support/http_server.hpp"
#include "support/seed.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <covey/worker/http/meter.hpp>
#include <random>
#include <set>
#include <string>

namespace meter_test {

namespace http = covey::http;
namespace net = boost::asio;
namespace words = covey::http::metric_words;
using covey::test::http_server;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

std::string get(std::string const& target, std::string const& method = "GET")
{
    return method + " " + target + " HTTP/1.1\r\nHost: test\r\n\r\n";
}

void routes(http::router& to, net::io_context&)
{
    to.add("GET", "/", [](http::request const&) { return http::text("hello"); });
    to.add("POST", "/", [](http::request const&) { return http::text("made", 201); });
    to.add("GET", "/later", [](http::request const&) -> net::awaitable<http::response> {
        net::steady_timer timer{co_await net::this_coro::executor, 20ms};
        co_await timer.async_wait(net::use_awaitable);
        co_return http::text("later");
    });
}

// What a server has counted in this word.
std::uint64_t counted(http_server& server, std::size_t number)
{
    return server.counted(number);
}

std::uint64_t answered(http_server& server, std::string_view method, unsigned code)
{
    return counted(server,
                   words::request_word(words::method_index(method), words::code_index(code)));
}

std::uint64_t durations(http_server& server, std::size_t from = 0)
{
    std::uint64_t sum = 0;
    for (std::size_t at = from; at != words::duration_buckets; ++at)
        sum += counted(server, words::durations + at);
    return sum;
}

} // namespace

TEST_CASE("a duration falls into the first bucket that is not below it", "[worker][meter]")
{
    auto const slowly = [](std::uint64_t number) {
        auto const& bounds = words::duration_bounds;
        return static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), number) -
                                        bounds.begin());
    };
    for (auto const bound : words::duration_bounds)
        for (auto const number : {bound - 1, bound, bound + 1})
            CHECK(words::duration_bucket(number) == slowly(number));
    CHECK(words::duration_bucket(0) == 0);
    CHECK(words::duration_bucket(~std::uint64_t{0}) == words::duration_bounds.size());
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 dice{seed};
    for (int i = 0; i != 100'000; ++i) {
        auto const number = dice() >> dice() % 64;
        REQUIRE(words::duration_bucket(number) == slowly(number));
    }
}

TEST_CASE("every method and code has a word of its own, and what is unknown has one, too",
          "[worker][meter]")
{
    std::set<std::size_t> all;
    for (std::size_t method = 0; method != words::methods.size(); ++method) {
        CHECK(words::method_index(words::methods[method]) == method);
        for (auto const code : words::codes)
            if (code >= 100)
                all.insert(words::request_word(method, words::code_index(code)));
    }
    auto const listed = static_cast<std::size_t>(
        std::count_if(words::codes.begin(), words::codes.end(), [](auto c) { return c >= 100; }));
    CHECK(all.size() == words::methods.size() * listed);
    CHECK(words::method_index("get") == 0);
    CHECK(words::method_index("") == 0);
    CHECK(words::method_index("BREW") == 0);
    CHECK(words::code_index(299) == 1);
    CHECK(words::code_index(599) == 4);
    CHECK(words::code_index(0) == 4);
    CHECK(words::code_index(100'000) == 4);
}

TEST_CASE("each answer is counted once by its method and code, and in the durations",
          "[worker][meter]")
{
    http_server server{routes};
    auto client = server.connect();
    client.send(get("/"));
    CHECK(client.read().status == 200);
    client.send(get("/", "POST"));
    CHECK(client.read().status == 201);
    client.send(get("/nowhere"));
    CHECK(client.read().status == 404);
    client.send(get("/", "DELETE"));
    CHECK(client.read().status == 405);
    client.send(get("/later"));
    CHECK(client.read().body == "later");
    CHECK(answered(server, "GET", 200) == 2);
    CHECK(answered(server, "POST", 201) == 1);
    CHECK(answered(server, "GET", 404) == 1);
    CHECK(answered(server, "DELETE", 405) == 1);
    CHECK(durations(server) == 5);
    CHECK(counted(server, words::connections_opened) == 1);
    // One of them waited for 20 ms, and its wait is nobody else's.
    CHECK(counted(server, words::duration_sum) >= 20'000'000);
    CHECK(durations(server, words::duration_bucket(20'000'000)) >= 1);
}

TEST_CASE("requests that come together are counted one by one", "[worker][meter]")
{
    http_server server{routes};
    auto client = server.connect();
    std::string many;
    for (int i = 0; i != 16; ++i)
        many += get(i == 8 ? "/later" : "/");
    std::uint64_t rounds = 0;
    // The seven behind the one that waits have not waited: in a quiet moment that shows.
    auto const told_apart = wait_until([&] {
        auto const before = counted(server, words::duration_sum);
        client.send(many);
        for (int i = 0; i != 16; ++i)
            CHECK(client.read().status == 200);
        ++rounds;
        auto const took = counted(server, words::duration_sum) - before;
        CHECK(took >= 20'000'000);
        return took < 8 * 20'000'000;
    });
    CHECK(told_apart);
    CHECK(answered(server, "GET", 200) == 16 * rounds);
    CHECK(durations(server) == 16 * rounds);
}

TEST_CASE("what is refused before a handler is counted with its reason", "[worker][meter]")
{
    http_server server{routes};
    auto const refused = [&](std::string const& bytes) {
        auto client = server.connect();
        client.send(bytes);
        return client.read().status;
    };
    CHECK(refused("GET / HTTP/1.1\r\n\r\n") == 400);
    CHECK(refused(get("/" + std::string(9'000, 'a'))) == 414);
    CHECK(refused("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n") ==
          431);
    CHECK(refused("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n") == 413);
    CHECK(counted(server, words::rejected_word(http::flaw::no_host)) == 1);
    for (auto const met :
         {http::limit::target_bytes, http::limit::head_bytes, http::limit::body_bytes})
        CHECK(counted(server, words::rejected_word(met)) == 1);
    std::set<std::size_t> all; // a word each
    for (std::size_t at = 0; at != http::flaw_count; ++at)
        all.insert(words::rejected_word(http::flaw{static_cast<std::uint8_t>(at)}));
    for (std::size_t at = 0; at != http::limit_count; ++at)
        all.insert(words::rejected_word(http::limit{static_cast<std::uint8_t>(at)}));
    CHECK(all.size() == http::flaw_count + http::limit_count);
    CHECK(durations(server) == 0);
}

TEST_CASE("a handler that is late is counted with the time that it has taken", "[worker][meter]")
{
    http::limits quick;
    quick.tick = 5ms;
    quick.handler_timeout = 100ms;
    http_server server{
        [](http::router& to, net::io_context&) {
            to.add("GET", "/never", [](http::request const&) -> net::awaitable<http::response> {
                net::steady_timer timer{co_await net::this_coro::executor, 1h};
                co_await timer.async_wait(net::use_awaitable);
                co_return http::text("never");
            });
        },
        quick};
    auto client = server.connect();
    client.send(get("/never"));
    CHECK(client.read().status == 503);
    CHECK(answered(server, "GET", 503) == 1);
    CHECK(durations(server) == 1);
    CHECK(counted(server, words::duration_sum) >= 100'000'000);
    CHECK(counted(server, words::rejected_word(http::limit::handler_time)) == 0);
}

} // namespace meter_test
