#include <covey/worker/http/event_stream.hpp>

#include "support/catch.hpp"
#include "support/http_server.hpp"

#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace event_stream_test {

namespace http = covey::http;
namespace net = boost::asio;
using covey::test::http_client;
using covey::test::http_server;
using covey::test::wait_until;

namespace {

// A server with one stream at /events and /everything, used on the server's thread.
struct fixture
{
    explicit fixture(http::event_stream::options settings = {},
                     std::function<void(http::router&, fixture&)> const& more = {})
        : server{[&](http::router& to, boost::asio::io_context& loop) {
            feed.emplace(loop.get_executor(), std::move(settings));
            to.add("GET", "/events",
                   [this](http::request const& asked) { return feed->open(asked); });
            to.add("GET", "/everything", [this](http::request const& asked) {
                return feed->open(asked, http::event_start::snapshot);
            });
            if (more)
                more(to, *this);
        }}
    {}
    ~fixture()
    {
        server.run([this] { feed.reset(); });
    }

    void publish(std::uint64_t id, std::string data, std::string name = "put")
    {
        server.run([&] { feed->publish({id, std::move(name), std::move(data)}); });
    }
    std::size_t clients()
    {
        return server.run([this] { return feed->clients(); });
    }
    // A client that has the stream's head behind it.
    http_client client(std::string const& fields = "", std::string const& target = "/events")
    {
        auto made = server.connect();
        made.send("GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
        REQUIRE(made.read_until("retry: 1000\n\n"));
        return made;
    }

    std::optional<http::event_stream> feed;
    http_server server;
};

// What came after the head.
std::string events(http_client const& client)
{
    auto const& all = client.received();
    return all.substr(all.find("retry: 1000\n\n") + 13);
}

http::event_stream::options with_snapshot()
{
    http::event_stream::options settings;
    settings.backlog = 2;
    settings.since = 10;
    settings.snapshot = [] {
        return std::vector<http::event>{{7, "put", "ann 1"}, {3, "put", "bob 2"}};
    };
    return settings;
}

} // namespace

TEST_CASE("an event stream is what an EventSource reads", "[worker][events]")
{
    fixture stream;
    auto client = stream.client();
    CHECK(client.received().find("HTTP/1.1 200 OK\r\n") == 0);
    CHECK(client.received().find("Content-Type: text/event-stream\r\n") != std::string::npos);
    CHECK(client.received().find("Cache-Control: no-store\r\n") != std::string::npos);
    CHECK(client.received().find("X-Accel-Buffering: no\r\n") != std::string::npos);
    CHECK(client.received().find("Content-Length") == std::string::npos);

    stream.publish(1, "one");
    stream.publish(2, "two\nlines\r\nand\rmore", "");
    stream.publish(3, "", "na\nme: x\r");
    stream.publish(0, "unnumbered");
    REQUIRE(client.read_until("unnumbered\n\n"));
    CHECK(events(client) == "id: 1\nevent: put\ndata: one\n\n"
                            "id: 2\ndata: two\ndata: lines\ndata: and\ndata: more\n\n"
                            "id: 3\nevent: name: x\ndata: \n\n"
                            "event: put\ndata: unnumbered\n\n");
}

TEST_CASE("an event goes to every client", "[worker][events]")
{
    fixture stream;
    std::vector<http_client> clients;
    for (int i = 0; i < 20; ++i)
        clients.push_back(stream.client());
    CHECK(stream.clients() == 20);
    stream.publish(1, "all");
    for (auto& client : clients)
        CHECK(client.read_until("data: all\n\n"));
}

TEST_CASE("a client that comes back gets what it missed", "[worker][events]")
{
    fixture stream{with_snapshot()};
    stream.publish(11, "x");
    stream.publish(12, "y");

    SECTION("from where it left")
    {
        auto client = stream.client("Last-Event-ID: 11\r\n");
        REQUIRE(client.read_until("data: y\n\n"));
        CHECK(events(client) == "id: 12\nevent: put\ndata: y\n\n");
    }
    SECTION("from the revision the stream began at")
    {
        auto client = stream.client("Last-Event-ID: 10\r\n");
        REQUIRE(client.read_until("data: y\n\n"));
        CHECK(events(client).find("id: 11\nevent: put\ndata: x\n\n") == 0);
    }
    SECTION("nothing when it missed nothing")
    {
        auto client = stream.client("Last-Event-ID: 12\r\n");
        stream.publish(13, "z");
        REQUIRE(client.read_until("data: z\n\n"));
        CHECK(events(client) == "id: 13\nevent: put\ndata: z\n\n");
    }
    SECTION("a reset and the snapshot when too much is gone")
    {
        stream.publish(13, "z");
        auto const* const last = GENERATE("9", "10", "999");
        auto client = stream.client("Last-Event-ID: " + std::string{last} + "\r\n");
        REQUIRE(client.read_until("id: 13\n\n"));
        CHECK(events(client) == "event: reset\ndata: {}\n\n"
                                "id: 3\nevent: put\ndata: bob 2\n\n"
                                "id: 7\nevent: put\ndata: ann 1\n\n"
                                "id: 13\n\n");
    }
}

TEST_CASE("a new client begins now, or with the snapshot if the handler says so",
          "[worker][events]")
{
    fixture stream{with_snapshot()};
    stream.publish(11, "x");
    auto const* const fields = GENERATE("", "Last-Event-ID: x1\r\n", "Last-Event-ID: -1\r\n");
    SECTION("now: with an id to resume from")
    {
        auto client = stream.client(fields);
        stream.publish(12, "y");
        REQUIRE(client.read_until("data: y\n\n"));
        CHECK(events(client) == "id: 11\n\nid: 12\nevent: put\ndata: y\n\n");
    }
    SECTION("the snapshot, oldest first")
    {
        auto client = stream.client(fields, "/everything");
        REQUIRE(client.read_until("id: 11\n\n"));
        CHECK(events(client) == "id: 3\nevent: put\ndata: bob 2\n\n"
                                "id: 7\nevent: put\ndata: ann 1\n\n"
                                "id: 11\n\n");
    }
}

TEST_CASE("a stream that is reset sends everybody to the start", "[worker][events]")
{
    fixture stream{with_snapshot()};
    auto client = stream.client("Last-Event-ID: 10\r\n");
    stream.publish(11, "x");
    stream.server.run([&] { stream.feed->reset(); });
    REQUIRE(client.read_until("data: ann 1\n\nid: 11\n\n"));
    CHECK(events(client) == "id: 11\nevent: put\ndata: x\n\nevent: reset\ndata: {}\n\n"
                            "id: 3\nevent: put\ndata: bob 2\n\n"
                            "id: 7\nevent: put\ndata: ann 1\n\nid: 11\n\n");
    auto back = stream.client("Last-Event-ID: 10\r\n");
    CHECK(back.read_until("event: reset"));
}

TEST_CASE("a handler that opens a stream and then waits loses no event", "[worker][events]")
{
    fixture stream{{}, [](http::router& to, fixture& self) {
                       to.add(
                           "GET", "/slow-events",
                           [&self](http::request const& asked) -> net::awaitable<http::response> {
                               auto made = self.feed->open(asked);
                               self.feed->publish({1, "put", "early"});
                               net::steady_timer timer{co_await net::this_coro::executor,
                                                       std::chrono::milliseconds{20}};
                               co_await timer.async_wait(net::use_awaitable);
                               co_return made;
                           });
                   }};
    auto client = stream.server.connect();
    client.send("GET /slow-events HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.read_until("data: early\n\n"));
}

TEST_CASE("a client that does not read is cut off, the others are not", "[worker][events]")
{
    http::event_stream::options settings;
    settings.pending_bytes_max = 64 << 10;
    fixture stream{settings};
    auto slow = stream.client();
    auto good = stream.client();
    std::uint64_t id = 0;
    CHECK(wait_until([&] {
        ++id;
        stream.publish(id, std::string(32 << 10, 'x') + "end" + std::to_string(id));
        return good.read_until("end" + std::to_string(id) + "\n\n") && stream.clients() == 1;
    }));
    CHECK_FALSE(slow.read_until("end" + std::to_string(id) + "\n\n"));
}

TEST_CASE("a client that leaves is noticed at once", "[worker][events]")
{
    fixture stream;
    auto client = stream.client();
    CHECK(stream.clients() == 1);
    client.close();
    CHECK(wait_until([&] { return stream.clients() == 0 && stream.server.connections() == 0; }));
}

TEST_CASE("one client too many gets 503", "[worker][events]")
{
    http::event_stream::options settings;
    settings.clients_max = 1;
    fixture stream{settings};
    auto client = stream.client();
    auto other = stream.server.connect();
    other.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(other.read().status == 503);
}

TEST_CASE("HEAD of a stream is its head", "[worker][events]")
{
    fixture stream;
    auto client = stream.server.connect();
    client.send("HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(client.read(true).header("content-type") == "text/event-stream");
    CHECK(client.at_end());
    CHECK(stream.clients() == 0);
}

TEST_CASE("a quiet stream is kept alive by comments", "[worker][events]")
{
    http::event_stream::options settings;
    settings.keep_alive = std::chrono::seconds{1};
    fixture stream{settings};
    auto client = stream.client();
    CHECK(client.read_until("\n\n:\n\n"));
}

TEST_CASE("streams end when the server drains, after what was published", "[worker][events]")
{
    fixture stream;
    auto client = stream.client();
    stream.server.run([&] { stream.feed->publish({1, "put", "last"}); });
    std::atomic<bool> empty{false};
    stream.server.drain([&] { empty = true; });
    CHECK(client.read_to_end().find("data: last\n\nretry: ") != std::string::npos);
    client.close();
    CHECK(wait_until([&] { return empty.load(); }));
    CHECK(stream.clients() == 0);
}

TEST_CASE("who was away while a stream missed events starts over", "[worker][events]")
{
    fixture stream{with_snapshot()};
    stream.publish(11, "x");
    stream.server.run([&] { stream.feed->reset(20); }); // 12 to 20 were never told
    stream.publish(15, "a row that is still there");
    stream.publish(21, "y");
    auto away = stream.client("Last-Event-ID: 11\r\n");
    REQUIRE(away.read_until("id: 21\n\n"));
    CHECK(events(away).starts_with("event: reset\ndata: {}\n\n"));
    auto since = stream.client("Last-Event-ID: 20\r\n");
    REQUIRE(since.read_until("data: y\n\n"));
    CHECK(events(since) == "id: 21\nevent: put\ndata: y\n\n");
}

TEST_CASE("streams end with their event_stream", "[worker][events]")
{
    fixture stream;
    auto client = stream.client();
    stream.server.run([&] {
        stream.feed->publish({1, "put", "last"});
        stream.feed.reset();
    });
    CHECK(client.read_to_end().ends_with("data: last\n\n"));
}

namespace {

constexpr auto poll_for = std::chrono::hours{1};

void add_polls(http::router& to, fixture& it)
{
    to.add("GET", "/poll",
           [&it](http::request const& asked) { return it.feed->poll(asked, poll_for); });
    to.add("GET", "/glance", [&it](http::request const& asked) {
        return it.feed->poll(asked, std::chrono::milliseconds{1});
    });
}

std::string asking(std::string const& target, std::string const& last)
{
    return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" +
           (last.empty() ? "" : "Last-Event-ID: " + last + "\r\n") + "\r\n";
}

} // namespace

TEST_CASE(
    "a client that polls is answered with what it has missed, or as soon as there is something",
    "[worker][events]")
{
    http::event_stream::options settings;
    settings.since = 10;
    fixture stream{settings, add_polls};
    auto client = stream.server.connect();
    client.send(asking("/poll", ""));
    CHECK(client.read().body == "id: 10\n\n"); // at once, to ask from
    stream.publish(11, "one");
    client.send(asking("/poll", "10"));
    CHECK(client.read().body == "id: 11\nevent: put\ndata: one\n\n");

    client.send(asking("/poll", "11"));
    REQUIRE(wait_until([&] { return stream.clients() == 1; }));
    stream.publish(12, "two");
    CHECK(client.read().body == "id: 12\nevent: put\ndata: two\n\n");

    client.send(asking("/glance", "12"));
    CHECK(client.read().status == 204);
    CHECK(stream.clients() == 0);
}

TEST_CASE("polls that wait are answered when the worker leaves, and when the stream ends",
          "[worker][events]")
{
    http::event_stream::options settings;
    settings.since = 10;
    fixture stream{settings, add_polls};
    auto client = stream.server.connect();
    client.send(asking("/poll", "10"));
    REQUIRE(wait_until([&] { return stream.clients() == 1; }));
    stream.server.run([&] { stream.feed->end_polls(); });
    CHECK(client.read().status == 204);

    client.send(asking("/poll", "10"));
    REQUIRE(wait_until([&] { return stream.clients() == 1; }));
    stream.server.run([&] { stream.feed.reset(); });
    CHECK(client.read().status == 204);
}

} // namespace event_stream_test
