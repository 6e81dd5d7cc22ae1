// The table of what is no request (worker/http/strictness.hpp), held against a worker's server;
// what a handler sees of what is one; and that a table can find something.
#include <covey/worker/http/metric_words.hpp>
#include <covey/worker/http/strictness.hpp>

#include "support/catch.hpp"
#include "support/http_server.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace strictness_test {

namespace http = covey::http;
namespace strictness = covey::http::strictness;
namespace words = covey::http::metric_words;
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

TEST_CASE("a refused row of the strictness table is counted by what is wrong with it",
          "[worker][strict][metrics]")
{
    // By a row's group and name, or by its group.
    std::map<std::string, std::string> const reasons{
        {"Host", "host"},
        {"Host, none", "no_host"},
        {"Host, two", "hosts"},
        {"Host, two equal ones", "hosts"},
        {"framing", "chunked"},
        {"framing, gzip", "codings"},
        {"framing, identity", "codings"},
        {"framing, gzip, chunked", "codings"},
        {"framing, chunked, gzip", "codings"},
        {"framing, xchunked", "codings"},
        {"framing, chunked and a length", "coded_length"},
        {"framing, foreign and a length", "coded_length"},
        {"framing, chunked after a length", "coded_length"},
        {"framing, chunked in HTTP/1.0", "chunked_1_0"},
        {"framing, chunked, folded", "folded"},
        {"framing, chunked, a space before the colon", "field_name"},
        {"framing, a vertical tab", "field_value"},
        {"framing, two lengths", "lengths"},
        {"framing, two equal lengths", "lengths"},
        {"framing, a list of lengths", "length"},
        {"framing, a signed length", "length"},
        {"framing, a negative length", "length"},
        {"framing, a length past 64 bits", "length"},
        {"chunk", "chunk"},
        {"chunk, 60 zeros", "chunk_size_digits"},
        {"chunk, 60 zeros, later", "chunk_size_digits"},
        {"chunk, 60 zeros, at last", "chunk_size_digits"},
        {"chunk, a folded trailer", "folded"},
        {"chunk, a trailer folded into a coding", "folded"},
        {"chunk, a length in the trailer", "trailer"},
        {"chunk, too many extensions", "chunk_extension_bytes"},
        {"chunk, an extension without end", "chunk_extension_bytes"},
        {"chunk, too many extensions in pieces", "chunk_extension_bytes"},
        {"chunk, a trailer without end", "trailer_bytes"},
        {"chunk, a trailer too large in fields", "trailer_bytes"},
        {"request line", "request_line"},
        {"request line, TLS", "bare_lf"},
        {"request line, a bare LF after it", "bare_lf"},
        {"request line, a method that is no token", "method"},
        {"request line, * with GET", "target"},
        {"request line, a target that is none", "target"},
        {"request line, a fragment", "target"},
        {"request line, a raw byte above 127", "target"},
        {"request line, a bad escape", "target"},
        {"request line, ftp", "target"},
        {"request line, userinfo in the target", "target"},
        {"request line, HTTP/1.2", "version"},
        {"request line, HTTP/2.0", "version"},
        {"request line, HTTP/2's preface", "version"},
        {"request line, CONNECT", "connect"},
        {"field", "field_name"},
        {"field, folded by a space", "folded"},
        {"field, folded by a tab", "folded"},
        {"field, the first one folded", "folded"},
        {"field, a bare LF", "bare_lf"},
        {"field, an end by bare LF", "bare_lf"},
        {"field, a bare CR", "field_value"},
        {"field, NUL", "field_value"},
        {"limit, a longer target", "target_bytes"},
        {"limit, a target without end", "target_bytes"},
        {"limit, a method without end", "method"},
        {"limit, a field more", "fields"},
        {"limit, a field too long", "head_bytes"},
        {"limit, a field without end", "head_bytes"},
        {"limit", "body_bytes"},
        {"Expect", "expectation"},
        {"Expect, a body that is refused", "body_bytes"},
        {"sequence", "request_line"},
        {"sequence, requests after a refusal", "no_host"},
    };
    http_server server{routes};
    auto const told = [&] {
        std::map<std::string, std::uint64_t> out;
        for (std::size_t at = 0; at != http::flaw_count; ++at)
            if (auto const count =
                    server.counted(words::rejected_word(static_cast<http::flaw>(at))))
                out.emplace(name(static_cast<http::flaw>(at)), count);
        for (std::size_t at = 0; at != http::limit_count; ++at)
            if (auto const count =
                    server.counted(words::rejected_word(static_cast<http::limit>(at))))
                out.emplace(name(static_cast<http::limit>(at)), count);
        return out;
    };
    std::map<std::string, std::uint64_t> expected;
    for (auto const& row : strictness::table()) {
        if (std::all_of(row.statuses.begin(), row.statuses.end(),
                        [](unsigned status) { return status == strictness::answered; }))
            continue;
        CAPTURE(row.group, row.name);
        CHECK(strictness::failures(to(server), {row}) == std::vector<std::string>{});
        auto const by_name = reasons.find(row.group + ", " + row.name);
        ++expected[by_name == reasons.end() ? reasons.at(row.group) : by_name->second];
        CHECK(told() == expected);
        expected = told(); // one that is wrong is told once
    }
    CHECK(expected.size() > 25);
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
