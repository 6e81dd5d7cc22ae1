// The table of what is no request (worker/http/strictness.hpp), held against a worker's server;
// what a handler sees of what is one; and that a table can find something.
#include <covey/worker/http/strictness.hpp>

#include "support/catch.hpp"
#include "support/http_server.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace strictness_test {

namespace http = covey::http;
namespace strictness = covey::http::strictness;
using covey::test::http_server;

namespace {

void routes(http::router& to, boost::asio::io_context&)
{
    auto const echo = [](http::request const& asked) {
        return http::text(std::string{asked.target()} + " " + std::string{asked.header("host")} +
                          " " + asked.body_text);
    };
    to.add("GET", "/{rest...}", echo);
    to.add("POST", "/{rest...}", echo);
}

std::string get(std::string const& fields, std::string const& target = "/")
{
    return "GET " + target + " HTTP/1.1\r\n" + fields + "\r\n";
}

std::string post(std::string const& fields, std::string const& body = "")
{
    return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}

strictness::connect to(http_server& server)
{
    return [&server] {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
        server.serve(covey::handle{ends[0]});
        return covey::handle{ends[1]};
    };
}

} // namespace

TEST_CASE("each row of the strictness table is answered as it says", "[worker][strict]")
{
    http_server server{routes};
    auto const rows = strictness::table();
    CHECK(strictness::failures(to(server), rows) == std::vector<std::string>{});
    std::set<std::string> names;
    for (auto const& each : rows)
        names.insert(each.group + each.name);
    CHECK(names.size() == rows.size());
    CHECK(rows.size() > 110);
    std::uint64_t meant = 0;
    for (auto const& each : rows)
        meant += static_cast<std::uint64_t>(
                     std::count(each.statuses.begin(), each.statuses.end(), strictness::answered)) +
                 (each.then == strictness::fate::kept ? 1 : 0);
    CHECK(server.load().requests == meant); // a handler has seen no other
}

TEST_CASE("the strictness table follows other limits", "[worker][strict]")
{
    http::limits bounds;
    bounds.target_bytes_max = 300;
    bounds.head_bytes_max = 1000;
    bounds.fields_max = 10;
    bounds.body_bytes_max = 2048;
    bounds.chunk_extension_bytes_max = 100;
    bounds.trailer_bytes_max = 200;
    http_server server{routes, bounds};
    strictness::site const of{
        .get = "/a?b=c", .post = "/d", .host = "example.org", .bounds = bounds};
    CHECK(strictness::failures(to(server), strictness::table(of), of) ==
          std::vector<std::string>{});
}

TEST_CASE("a server that is not strict is told by the rows it fails", "[worker][strict]")
{
    http::limits bounds;
    bounds.fields_max = 1000;
    bounds.body_bytes_max = 2 << 20;
    bounds.body_timeout = std::chrono::seconds{2};
    http_server server{routes, bounds};
    auto const found = strictness::failures(to(server), strictness::table());
    CHECK(found == std::vector<std::string>{
                       "limit, a field more: answered 200, not 431",
                       "limit, a byte more, announced: answered 408, not 413",
                       "limit, a byte more, in chunks: answered 200, not 413",
                       "Expect, a body that is refused: answered 408, not 413",
                   });
}

TEST_CASE("an address for the strictness table is one or is refused", "[worker][strict]")
{
    for (auto const* wrong : {"", "127.0.0.1", "127.0.0.1:", "localhost:80", "unix:", ":80"})
        CHECK_THROWS_AS(strictness::connections_to(wrong), std::invalid_argument);
    for (auto const* nobody : {"127.0.0.1:1", "[::1]:1", "unix:/no/such/socket"})
        CHECK_THROWS_AS(strictness::connections_to(nobody)(), std::system_error);
}

TEST_CASE("what a route decides is no reason to end a connection", "[worker][strict]")
{
    http_server server{routes};
    auto client = server.connect();
    for (auto const& [line, status] : {std::pair{"BREW / HTTP/1.1", 501u},
                                       {"DELETE / HTTP/1.1", 405u},
                                       {"OPTIONS * HTTP/1.1", 204u},
                                       {"GET / HTTP/1.1", 200u}}) {
        client.send(std::string{line} + "\r\nHost: a\r\n\r\n");
        CHECK(client.read().status == status);
    }
    // But a body that may come or not, for nobody wants it, leaves no telling where the next
    // begins.
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    CHECK(client.read().status == 405);
    CHECK(client.at_end());
}

TEST_CASE("HTTP/1.0 may come without Host", "[worker][strict]")
{
    http_server server{routes};
    auto client = server.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("Host: b\r\n"));
    CHECK(client.read().body == "/  ");
    CHECK(client.read().body == "/ b ");
}

TEST_CASE("a trailer never becomes a header", "[worker][strict]")
{
    http_server server{[](http::router& to, boost::asio::io_context&) {
        to.add("POST", "/", [](http::request const& asked) {
            return http::text(std::to_string(asked.fields.size()) + asked.body_text);
        });
    }};
    auto client = server.connect();
    client.send(post("Transfer-Encoding: chunked\r\n",
                     "1\r\na\r\n0\r\nHost: evil\r\nX: y\r\nConnection: close\r\n\r\n"));
    CHECK(client.read().body == "2a");
    client.send(post("Content-Length: 0\r\n"));
    CHECK(client.read().body == "2");
}

TEST_CASE("an absolute target's authority is the one a handler sees", "[worker][strict]")
{
    http_server server{routes};
    auto client = server.connect();
    client.send(get("Host: other\r\n", "http://example.org:81/a?b=c"));
    CHECK(client.read().body == "/a?b=c example.org:81 ");
    client.send(get("Host: other\r\n", "http://example.org?b"));
    CHECK(client.read().body == "/?b example.org ");
    client.send(get("Host: other\r\n", "http://user@example.org/"));
    CHECK(client.read().status == 400);
    CHECK(client.at_end());
}

TEST_CASE("a request in any pieces is the same request", "[worker][strict]")
{
    http_server server{routes};
    auto const bytes =
        "\r\n" +
        post("Transfer-Encoding: chunked\r\n", "3;x=y\r\nabc\r\n02\r\nde\r\n0\r\nT: z\r\n\r\n") +
        get("Host: b\r\n", "/second");
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
        INFO("cut at " << cut);
        auto client = server.connect();
        client.send(std::string_view{bytes}.substr(0, cut));
        // Two turns of the server's loop: it has read the first piece alone.
        server.run([] {});
        server.run([] {});
        client.send(std::string_view{bytes}.substr(cut));
        CHECK(client.read().body == "/ a abcde");
        CHECK(client.read().body == "/second b ");
    }
    auto client = server.connect_tcp();
    for (char const byte : bytes)
        client.send({&byte, 1});
    CHECK(client.read().body == "/ a abcde");
    CHECK(client.read().body == "/second b ");
}

} // namespace strictness_test
