#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/http_server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <stdexcept>
#include <string>

namespace session_test {

namespace http = covey::http;
namespace net = boost::asio;
using covey::test::http_server;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

std::string get(std::string const& target, std::string const& fields = "")
{
    return "GET " + target + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n";
}

void routes(http::router& to, net::io_context&)
{
    to.add("GET", "/hello", [](http::request const&) { return http::text("hello"); });
    to.add("PUT", "/hello", [](http::request const& asked) { return http::text(asked.body_text); });
    to.add("GET", "/empty", [](http::request const&) { return http::status(204); });
    to.add("GET", "/same", [](http::request const&) { return http::status(304); });
    to.add("GET", "/throws",
           [](http::request const&) -> http::response { throw std::runtime_error{"on purpose"}; });
    to.add("GET", "/injects", [](http::request const&) {
        return http::text("x").set("X-Name", "a\r\nSet-Cookie: b");
    });
    to.add("GET", "/closes",
           [](http::request const&) { return http::text("bye").set("Connection", "close"); });
    to.add("GET", "/big/{bytes}", [](http::request const& asked) {
        return http::text(std::string(std::stoul(std::string{asked.path("bytes")}), 'x'));
    });
    to.add("GET", "/later", [](http::request const& asked) -> net::awaitable<http::response> {
        net::steady_timer timer{co_await net::this_coro::executor, 5ms};
        co_await timer.async_wait(net::use_awaitable);
        co_return http::text("later " + std::string{asked.target()});
    });
    to.add("GET", "/fails-later", [](http::request const&) -> net::awaitable<http::response> {
        net::steady_timer timer{co_await net::this_coro::executor, 1ms};
        co_await timer.async_wait(net::use_awaitable);
        throw std::runtime_error{"on purpose, later"};
    });
    to.add("GET", "/at-once", [](http::request const&) -> net::awaitable<http::response> {
        co_return http::text("at once");
    });
}

http::limits quick()
{
    http::limits bounds;
    bounds.tick = 10ms;
    return bounds;
}

} // namespace

TEST_CASE("a connection serves one request after the other", "[worker][session]")
{
    http_server server{routes};
    auto client = GENERATE(0, 1) == 0 ? server.connect() : server.connect_tcp();
    for (int i = 0; i < 3; ++i) {
        client.send(get("/hello"));
        auto const in = client.read();
        CHECK(in.status == 200);
        CHECK(in.body == "hello");
        CHECK(in.head.starts_with("HTTP/1.1 200 OK\r\n"));
        CHECK(in.header("content-type") == "text/plain; charset=utf-8");
        CHECK(in.header("date").ends_with(" GMT"));
        CHECK(in.header("connection").empty());
    }
    CHECK(server.load().requests == 3);
    CHECK(server.load().in_flight == 0);
    client.close();
    CHECK(wait_until([&] { return server.connections() == 0; }));
}

TEST_CASE("Connection decides who ends it", "[worker][session]")
{
    http_server server{routes};
    auto client = server.connect();
    SECTION("the client does")
    {
        client.send(get("/hello", "Connection: close\r\n"));
        CHECK(client.read().header("connection") == "close");
    }
    SECTION("the handler does")
    {
        client.send(get("/closes") + get("/hello"));
        CHECK(client.read().header("connection") == "close");
    }
    SECTION("HTTP/1.0 does unless it says otherwise")
    {
        client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        CHECK(client.read().header("connection") == "keep-alive");
        client.send("GET /hello HTTP/1.0\r\n\r\n");
        CHECK(client.read().header("connection") == "close");
    }
    CHECK(client.at_end());
}

TEST_CASE("pipelined requests are answered in their order", "[worker][session]")
{
    http_server server{routes};
    auto client = server.connect();
    client.send(get("/later?1") + get("/hello") + get("/at-once") + get("/later?2") +
                "PUT /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody" + get("/hello"));
    for (auto const* body :
         {"later /later?1", "hello", "at once", "later /later?2", "body", "hello"})
        CHECK(client.read().body == body);
}

TEST_CASE("a handler that waits holds up nobody else", "[worker][session]")
{
    std::optional<net::steady_timer> gate;
    http_server server{[&](http::router& to, net::io_context& loop) {
        routes(to, loop);
        gate.emplace(loop, net::steady_timer::time_point::max());
        to.add("GET", "/gate", [&](http::request const&) -> net::awaitable<http::response> {
            boost::system::error_code cancelled;
            co_await gate->async_wait(net::redirect_error(net::use_awaitable, cancelled));
            co_return http::text("open");
        });
    }};
    auto waiting = server.connect();
    waiting.send(get("/gate"));
    CHECK(wait_until([&] { return server.load().in_flight == 1; }));
    auto other = server.connect();
    other.send(get("/hello"));
    CHECK(other.read().body == "hello");
    server.run([&] { gate->cancel(); });
    CHECK(waiting.read().body == "open");
    server.run([&] { gate.reset(); });
}

TEST_CASE("a handler that throws is a 500 and the connection lives", "[worker][session]")
{
    http_server server{routes};
    auto client = server.connect();
    for (auto const* target : {"/throws", "/fails-later", "/injects"}) {
        client.send(get(target) + get("/hello"));
        auto const in = client.read();
        CHECK(in.status == 500);
        CHECK(in.header("set-cookie").empty());
        CHECK(client.read().body == "hello");
    }
}

TEST_CASE("HEAD has the head that GET has, and no body", "[worker][session]")
{
    http_server server{routes};
    auto client = server.connect();
    client.send("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n" + get("/hello"));
    auto const in = client.read(true);
    CHECK(in.status == 200);
    CHECK(in.header("content-length") == "5");
    CHECK(client.read().body == "hello");
}

TEST_CASE("204 and 304 have no body and no length", "[worker][session]")
{
    http_server server{routes};
    auto client = server.connect();
    client.send(get("/empty") + get("/same") + get("/hello"));
    CHECK(client.read().header("content-length").empty());
    CHECK(client.read().header("content-length").empty());
    CHECK(client.read().body == "hello");
}

TEST_CASE("100 Continue is sent when the body is wanted", "[worker][session]")
{
    http_server server{routes};
    auto client = server.connect();
    client.send("PUT /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                "Content-Length: 5\r\n\r\n");
    CHECK(client.read().status == 100);
    client.send("world");
    CHECK(client.read().body == "world");
}

TEST_CASE("a client that ends its side still gets its answers", "[worker][session]")
{
    http_server server{routes};
    auto client = GENERATE(0, 1) == 0 ? server.connect() : server.connect_tcp();
    client.send(get("/later") + get("/hello"));
    client.end_sending();
    CHECK(client.read().body == "later /later");
    CHECK(client.read().body == "hello");
    CHECK(client.at_end());
}

TEST_CASE("a refusal reaches a client that is still sending", "[worker][session]")
{
    http_server server{routes};
    auto client = server.connect_tcp();
    client.send("PUT /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" +
                std::string(200'000, 'x'));
    CHECK(client.read().status == 413);
    CHECK(client.at_end());
}

TEST_CASE("a client that does not read is not answered without end", "[worker][session]")
{
    std::atomic<int> handled{0};
    http_server server{[&](http::router& to, net::io_context& loop) {
        routes(to, loop);
        to.add("GET", "/counted", [&](http::request const&) {
            ++handled;
            return http::text(std::string(64 << 10, 'x'));
        });
    }};
    auto client = server.connect();
    std::string many;
    constexpr int requests = 200; // 12.5 MiB of answers
    for (int i = 0; i < requests; ++i)
        many += get("/counted");
    client.send(many);
    CHECK(wait_until([&] { return handled >= 16; }));
    server.run([] {});
    CHECK(handled < 40); // 1 MiB, and what the socket's buffers hold
    for (int i = 0; i < requests; ++i)
        CHECK(client.read().body.size() == 64 << 10);
    CHECK(handled == requests);
}

TEST_CASE("a body larger than every buffer arrives whole", "[worker][session]")
{
    http_server server{routes};
    auto client = server.connect_tcp();
    client.send(get("/big/20000000") + get("/hello"));
    CHECK(client.read().body.size() == 20'000'000);
    CHECK(client.read().body == "hello");
}

TEST_CASE("a connection that does not get on is ended", "[worker][session]")
{
    auto bounds = quick();
    SECTION("a head that does not come is 408")
    {
        bounds.head_timeout = 50ms;
        http_server server{routes, bounds};
        auto client = server.connect();
        client.send("GET / HTTP/1.1\r\nHost");
        CHECK(client.read().status == 408);
        CHECK(client.at_end());
    }
    SECTION("a head that drips is 408: its time is counted from its first byte")
    {
        bounds.head_timeout = 50ms;
        bounds.linger_timeout = 50ms;
        http_server server{routes, bounds};
        auto client = server.connect();
        client.send("GET / HTTP/1.1\r\nX: ");
        CHECK(wait_until([&] { return !client.send("x"); }));
        CHECK(client.read().status == 408);
    }
    SECTION("a body that stops is 408")
    {
        bounds.body_timeout = 50ms;
        http_server server{routes, bounds};
        auto client = server.connect();
        client.send("PUT /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
        CHECK(client.read().status == 408);
        CHECK(client.at_end());
    }
    SECTION("an idle connection is closed without a word")
    {
        bounds.idle_timeout = 50ms;
        http_server server{routes, bounds};
        auto client = server.connect();
        client.send(get("/hello"));
        CHECK(client.read().body == "hello");
        CHECK(client.at_end());
    }
    SECTION("a client that takes nothing is closed")
    {
        bounds.write_timeout = 50ms;
        http_server server{routes, bounds};
        auto client = server.connect();
        client.send(get("/big/20000000"));
        CHECK(wait_until([&] { return server.connections() == 0; }));
    }
    SECTION("a client that never ends its side is closed")
    {
        bounds.linger_timeout = 50ms;
        http_server server{routes, bounds};
        auto client = server.connect();
        client.send("garbage\r\n");
        CHECK(client.read().status == 400);
        CHECK(wait_until([&] { return server.connections() == 0; }));
    }
}

TEST_CASE("a draining server answers what has come and ends the rest", "[worker][session][drain]")
{
    auto bounds = quick();
    bounds.drain_idle_timeout = 50ms;
    http_server server{routes, bounds};
    std::atomic<bool> empty{false};

    auto idle = server.connect();
    auto busy = server.connect();
    auto late = server.connect();
    idle.send(get("/hello"));
    CHECK(idle.read().body == "hello");
    late.send("GET /hello HT");
    busy.send(get("/later"));
    CHECK(wait_until([&] { return server.load().requests + server.load().in_flight >= 2; }));
    server.drain([&] { empty = true; });
    late.send("TP/1.1\r\nHost: a\r\n\r\n");

    CHECK(busy.read().body == "later /later");
    auto const last = late.read();
    CHECK(last.body == "hello");
    CHECK(last.header("connection") == "close");
    CHECK(idle.at_end());
    idle.close();
    busy.close();
    late.close();
    CHECK(wait_until([&] { return empty.load(); }));
}

TEST_CASE("a request that meets the drain is answered, not reset", "[worker][session][drain]")
{
    auto bounds = quick();
    bounds.drain_idle_timeout = 0ms;
    for (int i = 0; i < 50; ++i) {
        http_server server{routes, bounds};
        auto client = server.connect_tcp();
        client.send(get("/hello"));
        CHECK(client.read().body == "hello");
        // The request is in the socket before the loop can know that it drains.
        server.run([&] { client.send(get("/hello")); });
        server.drain();
        CHECK(client.read().body == "hello");
    }
}

TEST_CASE("a server that goes leaves no descriptor", "[worker][session]")
{
    auto const before = covey::test::descriptor_count();
    {
        http_server server{routes};
        auto client = server.connect_tcp();
        auto other = server.connect();
        client.send(get("/later"));
        other.send("GET");
    }
    CHECK(covey::test::descriptor_count() == before);
}

} // namespace session_test
