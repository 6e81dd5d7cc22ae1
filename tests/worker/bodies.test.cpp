// Bodies in pieces, both ways, over a server's connections.
#include "support/catch.hpp"
#include "support/http_server.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace bodies_test {

namespace http = covey::http;
namespace net = boost::asio;
using covey::test::http_server;
using covey::test::wait_until;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// What handlers saw, from the loop's thread.
struct seen
{
    std::atomic<std::size_t> read{0};
    std::atomic<std::size_t> written{0};
    std::atomic<int> cut{0};
};

net::awaitable<void> pause(std::chrono::milliseconds time)
{
    net::steady_timer timer{co_await net::this_coro::executor, time};
    co_await timer.async_wait(net::use_awaitable);
}

std::function<void(http::router&, net::io_context&)>
routes(std::shared_ptr<seen> told, std::shared_ptr<net::steady_timer>* gate)
{
    return [=](http::router& to, net::io_context& loop) {
        if (gate)
            *gate = std::make_shared<net::steady_timer>(loop, net::steady_timer::time_point::max());
        auto const count = [told](http::request const& asked,
                                  http::request_body& body) -> net::awaitable<http::response> {
            std::size_t bytes = 0;
            std::string first;
            try {
                for (auto more = co_await body.read(); !more.empty(); more = co_await body.read()) {
                    if (first.empty())
                        first = more;
                    bytes += more.size();
                    told->read = bytes;
                    if (asked.query("slow"))
                        co_await pause(1ms);
                }
            } catch (...) {
                ++told->cut;
                throw;
            }
            co_return http::text(std::to_string(bytes) + " " + first.substr(0, 5));
        };
        to.add("POST", "/count", count);
        to.add("GET", "/count", count);
        to.add(
            "POST", "/gated",
            [=](http::request const&, http::request_body& body) -> net::awaitable<http::response> {
                boost::system::error_code opened;
                co_await (*gate)->async_wait(net::redirect_error(net::use_awaitable, opened));
                std::size_t bytes = 0;
                for (auto more = co_await body.read(); !more.empty(); more = co_await body.read())
                    told->read = bytes += more.size();
                co_return http::text(std::to_string(bytes));
            });
        to.add("POST", "/refuses",
               [](http::request const&, http::request_body&) -> net::awaitable<http::response> {
                   co_return http::status(403);
               });
        to.add("GET", "/hello", [](http::request const&) { return http::text("hello"); });
        to.add("GET", "/three", [](http::request const&) {
            return http::streamed("text/plain",
                                  [](http::response_body& out) -> net::awaitable<void> {
                                      co_await out.write("one ");
                                      co_await out.write("");
                                      co_await pause(2ms);
                                      co_await out.write("two ");
                                      co_await out.write("three");
                                  });
        });
        to.add("GET", "/endless", [told](http::request const&) {
            return http::streamed("text/plain",
                                  [told](http::response_body& out) -> net::awaitable<void> {
                                      std::string const piece(10'000, 'x');
                                      try {
                                          for (;;) {
                                              co_await out.write(piece);
                                              told->written += piece.size();
                                          }
                                      } catch (...) {
                                          ++told->cut;
                                          throw;
                                      }
                                  });
        });
        to.add("GET", "/breaks", [](http::request const&) {
            return http::streamed("text/plain",
                                  [](http::response_body& out) -> net::awaitable<void> {
                                      co_await out.write("part");
                                      throw std::runtime_error{"on purpose"};
                                  });
        });
    };
}

struct world
{
    explicit world(http::limits bounds = {})
        : server{routes(told, &gate), bounds}
    {}
    ~world()
    {
        server.run([this] { gate.reset(); });
    }
    void open()
    {
        server.run([this] { gate->cancel(); });
    }

    std::shared_ptr<seen> told = std::make_shared<seen>();
    std::shared_ptr<net::steady_timer> gate;
    http_server server;
};

std::string const hello = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

std::string post(std::string const& target, std::string const& fields, std::string const& body = "")
{
    return "POST " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}

http::limits quick()
{
    http::limits bounds;
    bounds.tick = 10ms;
    return bounds;
}

// The text of a chunked body, whose head has been read; "" when it does not end.
std::string dechunked(std::string_view from)
{
    std::string out;
    for (;;) {
        auto const end = from.find("\r\n");
        if (end == from.npos)
            return "";
        auto const size = std::stoul(std::string{from.substr(0, end)}, nullptr, 16);
        if (size == 0)
            return from.substr(end) == "\r\n\r\n" ? out : "";
        out += from.substr(end + 2, size);
        from.remove_prefix(end + 2 + size + 2);
    }
}

} // namespace

TEST_CASE("a body larger than its limit in memory is read in pieces", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect_tcp();
    std::string const large(5'000'000, 'x');
    client.send(post("/count", "Content-Length: 5000000\r\n", large) + hello);
    CHECK(client.read().body == "5000000 xxxxx");
    CHECK(client.read().body == "hello");

    std::string chunks;
    for (int i = 0; i < 500; ++i)
        chunks += "2710\r\n" + std::string(10'000, 'y') + "\r\n";
    client.send(post("/count?slow", "Transfer-Encoding: chunked\r\n", chunks + "0\r\n\r\n") +
                hello);
    CHECK(client.read().body == "5000000 yyyyy");
    CHECK(client.read().body == "hello");
}

TEST_CASE("a body in any pieces is the same body to its reader", "[worker][bodies]")
{
    world it;
    auto const bytes = post("/count", "Transfer-Encoding: chunked\r\n",
                            "3;x=y\r\nabc\r\n02\r\nde\r\n0\r\nT: z\r\n\r\n") +
                       post("/count", "Content-Length: 4\r\n", "wxyz") +
                       post("/count", "Content-Length: 0\r\n") +
                       "GET /count HTTP/1.1\r\nHost: a\r\n\r\n" + hello;
    for (std::size_t cut = 1; cut < bytes.size(); cut += 3) {
        INFO("cut at " << cut);
        auto client = it.server.connect();
        client.send(std::string_view{bytes}.substr(0, cut));
        it.server.run([] {});
        it.server.run([] {});
        client.send(std::string_view{bytes}.substr(cut));
        CHECK(client.read().body.starts_with("5 a"));
        CHECK(client.read().body.starts_with("4 w"));
        CHECK(client.read().body == "0 ");
        CHECK(client.read().body == "0 ");
        CHECK(client.read().body == "hello");
    }
}

TEST_CASE("a body that its handler does not read waits with its sender", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect();
    std::atomic<bool> sent{false};
    constexpr std::size_t bytes = 20'000'000;
    std::thread sender{[&] {
        client.send(post("/gated", "Content-Length: " + std::to_string(bytes) + "\r\n",
                         std::string(bytes, 'x')));
        sent = true;
    }};
    CHECK(wait_until([&] { return it.server.load().in_flight == 1; }));
    it.server.run([] {});
    CHECK(it.told->read == 0);
    CHECK(!sent); // its socket's buffers hold much less
    it.open();
    sender.join();
    CHECK(client.read().body == std::to_string(bytes));
}

TEST_CASE("100 Continue is sent when a handler begins to read", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect();
    client.send(post("/gated", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
    CHECK(wait_until([&] { return it.server.load().in_flight == 1; }));
    it.server.run([] {});
    it.open();
    CHECK(client.read().status == 100);
    client.send("ab");
    CHECK(client.read().body == "2");
    client.send(post("/refuses", "Expect: 100-continue\r\nContent-Length: 2\r\n"));
    auto const in = client.read();
    CHECK(in.status == 403); // without a 100, and so for the last time
    CHECK(in.header("connection") == "close");
    CHECK(client.at_end());
}

TEST_CASE("an answer before a body's end is the connection's last", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect_tcp();
    client.send(post("/refuses", "Content-Length: 100000\r\n", std::string(100'000, 'x')) + hello);
    auto const in = client.read();
    CHECK(in.status == 403);
    CHECK(in.header("connection") == "close");
    CHECK(client.read_to_end() == "");
    auto next = it.server.connect();
    next.send(post("/refuses", "Content-Length: 0\r\n") + hello); // no body, nothing left over
    CHECK(next.read().status == 403);
    CHECK(next.read().body == "hello");
}

TEST_CASE("a body that is refused, stops or ends too early ends its handler's reading",
          "[worker][bodies]")
{
    auto bounds = quick();
    bounds.streamed_bytes_max = 100;
    bounds.body_timeout = 50ms;
    bounds.linger_timeout = 50ms;
    world it{bounds};
    auto client = it.server.connect();
    SECTION("announced too large: its handler is not called")
    {
        client.send(post("/count", "Content-Length: 101\r\n"));
        CHECK(client.read().status == 413);
        CHECK(it.told->cut == 0);
        CHECK(it.server.hits(http::limit::body_bytes) == 1);
        return;
    }
    SECTION("too large")
    {
        client.send(post("/count", "Transfer-Encoding: chunked\r\n",
                         "3\r\nabc\r\n70\r\n" + std::string(0x70, 'x') + "\r\n0\r\n\r\n"));
        CHECK(client.read().status == 413);
    }
    SECTION("no chunk")
    {
        client.send(post("/count", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\nzz\r\n"));
        CHECK(client.read().status == 400);
    }
    SECTION("stopped")
    {
        client.send(post("/count", "Content-Length: 10\r\n", "abc"));
        CHECK(client.read().status == 408);
        CHECK(it.server.hits(http::limit::body_time) == 1);
    }
    SECTION("ended")
    {
        client.send(post("/count", "Content-Length: 10\r\n", "abc"));
        client.end_sending();
        CHECK(client.read().status == 0);
    }
    CHECK(client.at_end());
    CHECK(wait_until([&] { return it.told->cut == 1; }));
    CHECK(it.server.load().in_flight == 0);
    client.close();
    CHECK(wait_until([&] { return it.server.connections() == 0; }));
}

TEST_CASE("the time that a handler takes is not held against its client", "[worker][bodies]")
{
    auto bounds = quick();
    bounds.body_timeout = 100ms;
    bounds.body_bytes_per_second_min = 1 << 20;
    world it{bounds};
    auto client = it.server.connect();
    client.send(post("/count?slow", "Transfer-Encoding: chunked\r\n"));
    for (int i = 0; i < 300; ++i) // 300 pauses of 1 ms and more
        client.send("1\r\nx\r\n");
    client.send("0\r\n\r\n");
    CHECK(client.read().status == 200);
}

TEST_CASE("a streamed response comes in chunks as they are written", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect();
    client.send("GET /three HTTP/1.1\r\nHost: a\r\n\r\n" + hello);
    REQUIRE(client.read_until("one "));
    REQUIRE(client.read_until("hello"));
    auto const all = client.received();
    auto const head = all.substr(0, all.find("\r\n\r\n") + 4);
    CHECK(head.find("\r\nTransfer-Encoding: chunked\r\n") != head.npos);
    CHECK(head.find("Content-Length") == head.npos);
    auto const body = all.substr(head.size(), all.find("HTTP/1.1", 5) - head.size());
    CHECK(dechunked(body) == "one two three");
}

TEST_CASE("a streamed response to HTTP/1.0 ends with its connection", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect();
    client.send("GET /three HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    auto const in = client.read();
    CHECK(in.header("transfer-encoding").empty());
    CHECK(in.header("connection") == "close");
    CHECK(in.body == "one two three");
}

TEST_CASE("HEAD of a streamed response is its head, and nothing is written", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect();
    client.send("HEAD /endless HTTP/1.1\r\nHost: a\r\n\r\n" + hello);
    CHECK(client.read(true).status == 200);
    CHECK(client.read().body == "hello");
    CHECK(it.told->written == 0);
}

TEST_CASE("a writer waits while its client does not take what was written", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect();
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(client.read_until("xxx"));
    std::size_t before = 1;
    CHECK(wait_until([&] { // it stands still
        it.server.run([] {});
        return std::exchange(before, it.told->written.load()) == it.told->written;
    }));
    CHECK(it.told->written < 2'000'000);
    SECTION("and goes on when it does")
    {
        REQUIRE(wait_until([&] {
            return client.read_until(std::string(1000, 'x')) && client.read_line() &&
                   it.told->written > 4'000'000;
        }));
    }
    client.close();
    CHECK(wait_until([&] { return it.server.connections() == 0 && it.told->cut == 1; }));
}

TEST_CASE("a client that takes nothing of a streamed response is closed", "[worker][bodies]")
{
    auto bounds = quick();
    bounds.write_timeout = 50ms;
    world it{bounds};
    auto client = it.server.connect();
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(wait_until([&] { return it.server.connections() == 0 && it.told->cut == 1; }));
    CHECK(it.server.hits(http::limit::write_time) == 1);
}

TEST_CASE("a writer that fails cuts its response off", "[worker][bodies]")
{
    world it;
    auto client = it.server.connect();
    client.send("GET /breaks HTTP/1.1\r\nHost: a\r\n\r\n");
    auto const all = client.read_to_end();
    CHECK(all.find("part") != all.npos);
    CHECK(!all.ends_with("0\r\n\r\n"));
}

TEST_CASE("a client that has gone before a coroutine has ever waited ends that coroutine alone",
          "[worker][bodies]")
{
    world it;
    auto other = it.server.connect();
    for (std::string const& asked :
         {"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n"s,
          post("/count", "Transfer-Encoding: chunked\r\n", "no chunk\r\n")}) {
        CAPTURE(asked);
        auto ends = covey::test::http_client::unix_pair();
        ends.second.send(asked);
        ends.second.close();
        it.server.serve(std::move(ends.first));
        other.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
        CHECK(other.read().body == "hello");
        CHECK(wait_until([&] { return it.server.connections() == 1; }));
    }
    CHECK(it.told->cut == 2);
}

TEST_CASE("a server that goes in the middle of bodies leaves nothing", "[worker][bodies]")
{
    world it;
    auto up = it.server.connect();
    auto down = it.server.connect();
    up.send(post("/count", "Content-Length: 10\r\n", "abc"));
    down.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(wait_until([&] { return it.told->read == 3 && it.told->written > 0; }));
}

} // namespace bodies_test
