#include "support/catch.hpp"
#include "support/http_server.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <covey/worker/http/client_socket.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

namespace client_watch_test {

namespace http = covey::http;
namespace net = boost::asio;
using covey::handle;
using covey::test::http_server;
using covey::test::run_until;
using namespace std::chrono_literals;

namespace {

// Both ends of a connection; one is watched.
struct watched final : http::client_watch::client
{
    explicit watched(http::client_watch& by)
    {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
        peer = handle{ends[0]};
        own = ends[1];
        socket.emplace(by, handle{own});
    }
    ~watched() { socket->close(*this); }
    void ready(http::client_watch::readiness now) override
    {
        ++times;
        last = now;
        socket->told(now);
        if (on_ready)
            on_ready();
    }
    void say(std::string const& text) const
    {
        REQUIRE(::write(peer.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
    std::string read(std::size_t most)
    {
        std::string out(most, '\0');
        http::client_socket::error_code failed;
        out.resize(socket->read_some(out, failed));
        return out;
    }

    // Watches it now; whether it is told of what is there.
    bool is_told(net::io_context& loop)
    {
        CHECK_FALSE(socket->watch_reading(*this));
        return run_until(loop, [&] { return times == 1; });
    }

    handle peer;
    int own = -1;
    std::optional<http::client_socket> socket;
    http::client_watch::readiness last;
    int times = 0;
    std::function<void()> on_ready;
};

} // namespace

TEST_CASE("who is watched is told of bytes, of those that were there before as well", "[worker]")
{
    net::io_context loop;
    http::client_watch watch{loop};
    watched one{watch};
    one.say("first");
    REQUIRE(one.is_told(loop));
    CHECK(one.last.to_read);
    CHECK_FALSE(one.last.ended);
    CHECK(one.read(100) == "first");
    one.say("second");
    REQUIRE(run_until(loop, [&] { return one.times == 2; }));
    CHECK(one.read(100) == "second");
    loop.poll();
    CHECK(one.times == 2);
}

TEST_CASE("a socket may hold more until a read has found less than it had room for", "[worker]")
{
    net::io_context loop;
    http::client_watch watch{loop};
    watched one{watch};
    one.say("123456");
    REQUIRE(one.is_told(loop));
    CHECK(one.socket->may_hold_more());
    CHECK(one.read(3) == "123");
    CHECK(one.socket->may_hold_more());
    CHECK(one.read(4) == "456");
    CHECK_FALSE(one.socket->may_hold_more());
}

TEST_CASE("an end that has come with the bytes is told with them, and waits behind them",
          "[worker]")
{
    net::io_context loop;
    http::client_watch watch{loop};
    watched one{watch};
    one.say("last");
    ::shutdown(one.peer.get(), SHUT_WR);
    REQUIRE(one.is_told(loop));
    CHECK(one.last.ended);
    CHECK(one.read(100) == "last");
    CHECK(one.socket->may_hold_more()); // of that nobody is told
    CHECK(one.read(100).empty());
}

TEST_CASE("who is forgotten is not told any more, not even in the same look", "[worker]")
{
    net::io_context loop;
    http::client_watch watch{loop};
    watched first{watch};
    watched second{watch};
    handle const shared{::dup(second.own)}; // closing alone would leave it in the set
    for (auto* one : {&first, &second}) {
        CHECK_FALSE(one->socket->watch_reading(*one));
        one->say("x");
    }
    // Whoever comes first has the other one closed.
    first.on_ready = [&] { second.socket->close(second); };
    second.on_ready = [&] { first.socket->close(first); };
    REQUIRE(run_until(loop, [&] { return first.times + second.times == 1; }));
    (first.times == 0 ? first : second).say("y");
    loop.poll();
    CHECK(first.times + second.times == 1);
}

TEST_CASE("room is told of once it has been asked for", "[worker]")
{
    net::io_context loop;
    http::client_watch watch{loop};
    watched one{watch};
    http::client_socket::error_code failed;
    std::string const much(1 << 16, 'x');
    while (!failed)
        one.socket->write_some(much, failed);
    CHECK_FALSE(one.socket->watch_writing(one));
    loop.poll();
    CHECK(one.times == 0);
    std::string into(1 << 22, '\0');
    REQUIRE(::read(one.peer.get(), into.data(), into.size()) > 0);
    REQUIRE(run_until(loop, [&] { return one.times > 0 && one.last.to_write; }));
}

TEST_CASE("many that are ready at once are all told", "[worker]")
{
    net::io_context loop;
    http::client_watch watch{loop};
    std::deque<watched> all;
    for (int i = 0; i != 500; ++i) {
        auto& one = all.emplace_back(watch);
        one.say("x");
        CHECK_FALSE(one.socket->watch_reading(one));
    }
    CHECK(run_until(loop, [&] {
        return std::all_of(all.begin(), all.end(), [](auto const& one) { return one.times == 1; });
    }));
}

TEST_CASE("who throws keeps nobody else from being told", "[worker]")
{
    net::io_context loop;
    http::client_watch watch{loop};
    watched first{watch};
    watched second{watch};
    for (auto* one : {&first, &second}) {
        CHECK_FALSE(one->socket->watch_reading(*one));
        one->say("x");
        one->on_ready = [] { throw std::runtime_error{"on purpose"}; };
    }
    CHECK_THROWS_WITH(loop.run(), "on purpose");
    CHECK((first.times == 1 && second.times == 1));
    first.say("y");
    CHECK_THROWS_WITH(loop.run(), "on purpose");
    CHECK((first.times == 2 && second.times == 1));
}

TEST_CASE("what is no stream socket cannot be watched", "[worker]")
{
    net::io_context loop;
    http::client_watch watch{loop};
    watched none{watch};
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    handle const other{ends[1]};
    http::client_socket datagrams{watch, handle{ends[0]}};
    CHECK(datagrams.watch_reading(none) == net::error::operation_not_supported);
    datagrams.close(none);
}

TEST_CASE("a server that goes while its tick and a request wait for their turn is left alone",
          "[worker]")
{
    net::io_context loop;
    http::router const routes;
    http::limits bounds;
    bounds.tick = 1ms;
    auto ends = covey::test::http_client::unix_pair();
    auto server = std::make_unique<http::server>(loop, routes, bounds);
    server->open(std::move(ends.first));
    net::post(loop, [&] {
        ends.second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        auto const due = std::chrono::steady_clock::now() + 2ms;
        while (std::chrono::steady_clock::now() < due)
            ;
        // Behind the loop's look at its timers and sockets, and before what that finds.
        net::post(loop, [&] { server.reset(); });
    });
    loop.run();
    CHECK(server == nullptr);
}

// The request, its end, and whatever else came meanwhile are one look of a server that was busy.
TEST_CASE("a request that comes with its connection's end is answered, and the end is seen",
          "[worker]")
{
    http_server server{[](http::router& to, net::io_context&) {
        to.add("GET", "/", [](http::request const&) { return http::text("served"); });
    }};
    std::string const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    auto client = GENERATE(0, 1) == 0 ? server.connect() : server.connect_tcp();
    client.send(get);
    CHECK(client.read().body == "served"); // it is watched now
    server.run([&] {
        client.send(get + get);
        client.end_sending();
    });
    CHECK(client.read().body == "served");
    CHECK(client.read().body == "served");
    CHECK(client.at_end());
    CHECK(covey::test::wait_until([&] { return server.connections() == 0; }));
}

} // namespace client_watch_test
