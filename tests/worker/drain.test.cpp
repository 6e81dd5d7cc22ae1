// How connections end when their server drains: when, and with what lost (nothing).
#include "support/catch.hpp"
#include "support/http_server.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <chrono>
#include <covey/worker/http/event_stream.hpp>
#include <netinet/in.h>
#include <numeric>
#include <optional>
#include <poll.h>
#include <set>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <utility>
#include <vector>

namespace drain_test {

namespace http = covey::http;
using covey::test::http_client;
using covey::test::http_server;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

void routes(http::router& to, boost::asio::io_context&)
{
    to.add("GET", "/hello", [](http::request const&) { return http::text("hello"); });
}

http::limits at_once()
{
    http::limits bounds;
    bounds.tick = 10ms;
    bounds.drain_idle_timeout = 0ms;
    return bounds;
}

std::string get(std::string const& target, std::string const& fields = "")
{
    return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

// A TCP connection over 127.0.0.1 whose errors the test wants to see: the server's end first.
std::pair<covey::handle, covey::handle> raw_pair()
{
    covey::handle const listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ::socklen_t size = sizeof address;
    REQUIRE(::bind(listening.get(), generic, size) == 0);
    REQUIRE(::listen(listening.get(), 1) == 0);
    REQUIRE(::getsockname(listening.get(), generic, &size) == 0);
    covey::handle client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::connect(client.get(), generic, size) == 0);
    covey::handle server{::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    REQUIRE(server.is_open());
    return {std::move(server), std::move(client)};
}

std::vector<std::uint64_t> ids_in(std::string const& text)
{
    std::vector<std::uint64_t> out;
    for (auto at = text.find("id: "); at != text.npos; at = text.find("id: ", at + 1))
        out.push_back(std::stoull(text.substr(at + 4)));
    return out;
}

} // namespace

TEST_CASE("idle connections of a draining server end one by one over the window",
          "[worker][session][drain]")
{
    constexpr std::size_t count = 40;
    http_server server{routes, at_once()};
    std::vector<http_client> clients;
    for (std::size_t i = 0; i < count; ++i)
        clients.push_back(server.connect());
    std::vector<std::chrono::steady_clock::time_point> ends(count);
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < count; ++i)
        readers.emplace_back([&, i] {
            CHECK(clients[i].at_end());
            ends[i] = std::chrono::steady_clock::now();
            clients[i].close();
        });
    std::atomic<bool> empty{false};
    server.drain([&] { empty = true; }, 1'000ms);
    for (auto& each : readers)
        each.join();
    CHECK(wait_until([&] { return empty.load(); }));
    std::sort(ends.begin(), ends.end());
    CHECK(ends.back() - ends.front() >= 700ms);
    // By chance alone the quarters of the clients would differ more than that.
    for (std::size_t quarter = 1; quarter < 4; ++quarter)
        CHECK(ends[quarter * count / 4] - ends[(quarter - 1) * count / 4] >= 100ms);
}

TEST_CASE("until its end an idle connection is answered, for the last time",
          "[worker][session][drain]")
{
    http_server server{routes, at_once()};
    auto client = server.connect();
    client.send(get("/hello"));
    CHECK(client.read().header("connection").empty());
    std::atomic<bool> empty{false};
    server.drain([&] { empty = true; }, 1h);
    client.send(get("/hello"));
    auto const last = client.read();
    CHECK(last.body == "hello");
    CHECK(last.header("connection") == "close");
    CHECK(client.at_end());
    client.close();
    CHECK(wait_until([&] { return empty.load(); })); // an hour before its time
}

TEST_CASE("a shorter window holds", "[worker][session][drain]")
{
    http_server server{routes, at_once()};
    auto client = server.connect();
    server.drain({}, 1h);
    server.drain({}, 2h);
    server.drain({}, 0ms);
    CHECK(client.at_end());
}

TEST_CASE("a request that crosses the end of its connection meets no reset",
          "[worker][session][drain]")
{
    http_server server{routes, at_once()};
    auto [theirs, mine] = raw_pair();
    server.serve(std::move(theirs));
    server.drain();
    pollfd ended{mine.get(), POLLIN, 0};
    REQUIRE(::poll(&ended, 1, 10'000) == 1); // the server has ended its side
    auto const request = get("/hello");
    for (int i = 0; i < 2; ++i) { // the first one's reset would be told to the second
        CHECK(::send(mine.get(), request.data(), request.size(), MSG_NOSIGNAL) ==
              static_cast<::ssize_t>(request.size()));
        std::this_thread::sleep_for(20ms);
    }
    char byte = 0;
    CHECK(::recv(mine.get(), &byte, 1, 0) == 0); // an end, and not ECONNRESET
}

TEST_CASE("a client that never ends its side is left after a while", "[worker][session][drain]")
{
    auto bounds = at_once();
    bounds.drain_linger_timeout = 50ms;
    http_server server{routes, bounds};
    auto [theirs, mine] = raw_pair();
    server.serve(std::move(theirs));
    std::atomic<bool> empty{false};
    server.drain([&] { empty = true; });
    CHECK(wait_until([&] { return empty.load(); }));
}

// Two workers of one cluster publish the same events; the clients of the one that leaves go on at
// the other.
TEST_CASE("event streams that end with their worker go on elsewhere with nothing lost",
          "[worker][events][drain]")
{
    constexpr std::size_t count = 12;
    constexpr std::uint64_t last = 400;
    std::optional<http::event_stream> feeds[2];
    auto const feed = [&](std::size_t which) {
        return [&, which](http::router& to, boost::asio::io_context& loop) {
            feeds[which].emplace(loop.get_executor(), http::event_stream::options{});
            to.add("GET", "/events",
                   [&, which](http::request const& asked) { return feeds[which]->open(asked); });
        };
    };
    http_server old{feed(0), at_once()};
    http_server fresh{feed(1), at_once()};
    auto const publish = [&](std::uint64_t id) {
        // The one that stays first: nobody comes to it from its future.
        fresh.run([&] { feeds[1]->publish({id, "put", "x"}); });
        old.run([&] { feeds[0]->publish({id, "put", "x"}); });
    };

    std::vector<http_client> clients;
    for (std::size_t i = 0; i < count; ++i) {
        clients.push_back(old.connect());
        clients.back().send(get("/events"));
        REQUIRE(clients.back().read_until("retry: 1000\n\n"));
    }
    publish(1);
    std::vector<std::vector<std::uint64_t>> seen(count);
    std::vector<std::string> hints(count);
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < count; ++i)
        readers.emplace_back([&, i] {
            auto const before = clients[i].read_to_end();
            hints[i] = before.substr(before.rfind("retry: "));
            seen[i] = ids_in(before);
            auto again = fresh.connect();
            again.send(get("/events", "Last-Event-ID: " + std::to_string(seen[i].back()) + "\r\n"));
            again.read_until("id: " + std::to_string(last) + "\n");
            for (auto const id : ids_in(again.received()))
                seen[i].push_back(id);
        });
    old.drain({}, 300ms);
    for (std::uint64_t id = 2; id <= last; ++id) {
        publish(id);
        std::this_thread::sleep_for(1ms);
    }
    for (auto& each : readers)
        each.join();
    std::vector<std::uint64_t> all(last);
    std::iota(all.begin(), all.end(), 1);
    for (auto const& one : seen)
        CHECK(one == all);
    // Each is told another time to come back after, around what it had been told before.
    CHECK(std::set<std::string>{hints.begin(), hints.end()}.size() > count / 2);
    for (auto const& one : hints) {
        CHECK(one.ends_with("\n\n"));
        CHECK(std::stoi(one.substr(7)) >= 500);
        CHECK(std::stoi(one.substr(7)) < 1500);
    }
    old.run([&] { feeds[0].reset(); });
    fresh.run([&] { feeds[1].reset(); });
}

} // namespace drain_test
