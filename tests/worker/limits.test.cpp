// What a client, or a handler, may cost: each limit is met, answered and counted by its name.
#include "support/catch.hpp"
#include "support/http_server.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace limits_test {

namespace http = covey::http;
namespace net = boost::asio;
using covey::test::http_client;
using covey::test::http_server;
using covey::test::wait_until;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

// What became of handlers that wait for ever: begun, and ended by an exception.
struct waiters
{
    std::atomic<int> begun{0};
    std::atomic<int> ended{0};
};

std::function<void(http::router&, net::io_context&)> routes(std::shared_ptr<waiters> seen)
{
    return [seen](http::router& to, net::io_context&) {
        auto const echo = [](http::request const& asked) { return http::text(asked.body_text); };
        to.add("GET", "/", echo);
        to.add("POST", "/", echo);
        to.add("GET", "/big",
               [](http::request const&) { return http::text(std::string(20'000'000, 'x')); });
        to.add("GET", "/waits",
               [seen](http::request const& asked) -> net::awaitable<http::response> {
                   net::steady_timer never{co_await net::this_coro::executor,
                                           net::steady_timer::time_point::max()};
                   ++seen->begun;
                   try {
                       co_await never.async_wait(net::use_awaitable);
                   } catch (boost::system::system_error const&) {
                       seen->ended += asked.target() == "/waits" ? 1 : 100; // it can still be read
                   }
                   co_return http::text("too late");
               });
    };
}

http::limits quick()
{
    http::limits bounds;
    bounds.tick = 10ms;
    return bounds;
}

std::string const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
std::string const waits = "GET /waits HTTP/1.1\r\nHost: a\r\n\r\n";
std::string const post = "POST / HTTP/1.1\r\nHost: a\r\n";

} // namespace

TEST_CASE("a request past a limit is counted by the limit's name", "[worker][limits]")
{
    struct row
    {
        http::limit met;
        unsigned status;
        std::string bytes;
    };
    std::string fields;
    for (int i = 0; i < 100; ++i)
        fields += "X: \r\n";
    std::string const chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    row const table[] = {
        {http::limit::target_bytes, 414, "GET /" + std::string(9'000, 'a')},
        {http::limit::head_bytes, 431, "GET / HTTP/1.1\r\nX: " + std::string(17'000, 'x')},
        {http::limit::fields, 431, "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"},
        {http::limit::body_bytes, 413, post + "Content-Length: 1048577\r\n\r\n"},
        {http::limit::chunk_extension_bytes, 400,
         chunked + "1;" + std::string(2'000, 'e') + "\r\n"},
        {http::limit::chunk_size_digits, 400, chunked + "00000000000000001\r\na\r\n0\r\n\r\n"},
        {http::limit::trailer_bytes, 431, chunked + "0\r\nA: " + std::string(9'000, 'x') + "\r\n"},
    };
    http_server server{routes(std::make_shared<waiters>())};
    for (auto const& [met, status, bytes] : table) {
        INFO(http::name(met));
        CHECK(server.hits(met) == 0);
        auto client = server.connect();
        client.send(bytes);
        CHECK(client.read().status == status);
        CHECK(server.hits(met) == 1);
    }
    auto client = server.connect();
    client.send("garbage\r\n");
    CHECK(client.read().status == 400); // and no limit
    std::uint64_t all = 0;
    for (std::size_t i = 0; i != http::limit_count; ++i)
        all += server.hits(static_cast<http::limit>(i));
    CHECK(all == std::size(table));
}

TEST_CASE("a client that is too slow is counted by what it was too slow with", "[worker][limits]")
{
    auto bounds = quick();
    auto const met = [&](http::limit which, std::string const& bytes) {
        http_server server{routes(std::make_shared<waiters>()), bounds};
        auto client = server.connect();
        client.send(bytes);
        CHECK(wait_until([&] { return server.hits(which) == 1; }));
    };
    bounds.head_timeout = bounds.body_timeout = bounds.write_timeout = 50ms;
    bounds.idle_timeout = bounds.linger_timeout = 50ms;
    met(http::limit::head_time, "GET / HTTP/1.1\r\n");
    met(http::limit::body_time, post + "Content-Length: 5\r\n\r\nab");
    met(http::limit::idle_time, "");
    met(http::limit::write_time, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    met(http::limit::unsent_bytes, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    met(http::limit::linger, "garbage\r\n");

    // A byte now and then is progress, and not enough of it.
    http_server server{routes(std::make_shared<waiters>()), bounds};
    auto client = server.connect();
    client.send(post + "Content-Length: 1000\r\n\r\n");
    CHECK(
        wait_until([&] { return !client.send("x") || server.hits(http::limit::body_rate) == 1; }));
    CHECK(client.read().status == 408);
    CHECK(server.hits(http::limit::body_rate) == 1);
}

TEST_CASE("each connection has its own deadline, whoever leaves before it", "[worker][limits]")
{
    auto bounds = quick();
    bounds.idle_timeout = 500ms;
    http_server server{routes(std::make_shared<waiters>()), bounds};
    std::vector<http_client> clients;
    for (int i = 0; i != 12; ++i)
        clients.push_back(server.connect());
    for (auto& each : clients) {
        each.send(get);
        REQUIRE(each.read().status == 200);
    }
    // The first, the last and some between leave at once; of the rest every other one goes on.
    for (std::size_t i : {11, 8, 5, 0})
        clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(wait_until([&] {
        for (std::size_t i = 0; i < clients.size(); i += 2) {
            clients[i].send(get);
            REQUIRE(clients[i].read().status == 200);
        }
        return server.hits(http::limit::idle_time) == clients.size() / 2;
    }));
    for (std::size_t i = 1; i < clients.size(); i += 2) {
        INFO("client " << i);
        CHECK(clients[i].at_end());
    }
}

TEST_CASE("a handler that waits for too long is 503, and told to stop", "[worker][limits]")
{
    auto bounds = quick();
    bounds.handler_timeout = 50ms;
    auto const seen = std::make_shared<waiters>();
    http_server server{routes(seen), bounds};
    auto client = server.connect();
    client.send(waits + get);
    auto const in = client.read();
    CHECK(in.status == 503);
    CHECK(in.header("connection") == "close");
    CHECK(client.read_to_end() == ""); // what came after it is not answered
    CHECK(wait_until([&] { return seen->ended == 1; }));
    CHECK(server.hits(http::limit::handler_time) == 1);
    CHECK(server.load().in_flight == 0);
    CHECK(server.load().requests == 1);
}

TEST_CASE("handlers that wait are so many at most", "[worker][limits]")
{
    auto bounds = quick();
    bounds.in_flight_max = 2;
    auto const seen = std::make_shared<waiters>();
    http_server server{routes(seen), bounds};
    auto first = server.connect();
    auto second = server.connect();
    first.send(waits);
    second.send(waits);
    CHECK(wait_until([&] { return seen->begun == 2; }));
    auto third = server.connect();
    third.send(waits + get);
    auto const in = third.read();
    CHECK(in.status == 503);
    CHECK(in.header("retry-after") == "1");
    CHECK(third.read().status == 200); // who does not wait is served, on the same connection
    CHECK(server.hits(http::limit::in_flight) == 1);
}

TEST_CASE("a connection too many is told so and closed", "[worker][limits]")
{
    auto bounds = quick();
    bounds.connections_max = 2;
    http_server server{routes(std::make_shared<waiters>()), bounds};
    auto first = server.connect();
    auto second = server.connect_tcp();
    auto third = server.connect_tcp();
    CHECK(third.read().status == 503);
    CHECK(third.at_end());
    third.close();
    CHECK(wait_until([&] { return server.connections() == 2; }));
    first.send(get);
    CHECK(first.read().status == 200);
    first.close();
    CHECK(wait_until([&] { return server.connections() == 1; }));
    auto fourth = server.connect();
    fourth.send(get);
    CHECK(fourth.read().status == 200);
    CHECK(server.hits(http::limit::connections) == 1);
}

TEST_CASE("limits that are none are refused by name and range", "[worker][limits]")
{
    CHECK(http::limits{}.validate().empty());
    http::limits bounds;
    bounds.tick = 0ms;
    CHECK(bounds.validate() == "http limits: tick is 0 ms; it must be from 1 to 60000 ms");
    bounds = {};
    bounds.fields_max = 0;
    CHECK_THAT(bounds.validate(), Contains("fields_max is 0;"));
    bounds = {};
    bounds.head_timeout = -1ms;
    CHECK_THAT(bounds.validate(), Contains("head_timeout"));
    bounds = {};
    bounds.body_bytes_per_second_min = 0;
    CHECK_THAT(bounds.validate(), Contains("body_bytes_per_second_min"));
    bounds = {};
    bounds.target_bytes_max = 1 << 20;
    CHECK_THAT(bounds.validate(), Contains("raise head_bytes_max"));

    net::io_context loop;
    http::router const none;
    http::server server{loop, none};
    CHECK_THROWS_AS(server.limit(bounds), std::invalid_argument);
    CHECK(server.bounds().target_bytes_max == http::limits{}.target_bytes_max);
}

TEST_CASE("every limit has a name of its own", "[worker][limits]")
{
    std::set<std::string_view> names;
    for (std::size_t i = 0; i <= http::limit_count; ++i)
        names.insert(http::name(static_cast<http::limit>(i)));
    CHECK(names.size() == http::limit_count + 1);
    CHECK(names.contains("none"));
}

} // namespace limits_test
