// The table of what is no request: bytes in, statuses out, and what becomes of the connection.
// A row's number of statuses is the point: more answers than the sender meant requests would be a
// smuggled request.
#include "support/catch.hpp"
#include "support/http_server.hpp"

#include <string>
#include <vector>

namespace http = covey::http;
using covey::test::http_server;

namespace {

enum class fate { kept, closed };

struct row
{
    std::string name;
    std::string bytes;
    std::vector<unsigned> statuses;
    fate then;
};

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

std::string const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

void check(std::vector<row> const& table)
{
    http_server server{routes};
    for (auto const& [name, bytes, statuses, then] : table) {
        INFO(name);
        auto client = server.connect();
        client.send(bytes);
        for (unsigned const expected : statuses)
            CHECK(client.read().status == expected);
        if (then == fate::closed) {
            CHECK(client.read_to_end() == "");
        } else {
            REQUIRE(client.send(get("Host: a\r\n", "/next")));
            CHECK(client.read().body == "/next a ");
        }
    }
}

std::string repeated(int times, std::string const& text)
{
    std::string all;
    for (int i = 0; i < times; ++i)
        all += text;
    return all;
}

} // namespace

TEST_CASE("a request has one Host and it is an authority", "[worker][strict]")
{
    check({
        {"one", get("Host: example.org\r\n"), {200}, fate::kept},
        {"with a port", get("Host: example.org:8080\r\n"), {200}, fate::kept},
        {"an IPv6 address", get("Host: [::1]:80\r\n"), {200}, fate::kept},
        {"none", get(""), {400}, fate::closed},
        {"none, HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {200}, fate::kept},
        {"two", get("Host: a\r\nHost: b\r\n"), {400}, fate::closed},
        {"two equal ones", get("Host: a\r\nHost: a\r\n"), {400}, fate::closed},
        {"empty", get("Host:\r\n"), {400}, fate::closed},
        {"userinfo", get("Host: user@a\r\n"), {400}, fate::closed},
        {"a path", get("Host: a/b\r\n"), {400}, fate::closed},
        {"a space", get("Host: a b\r\n"), {400}, fate::closed},
        {"a comma", get("Host: a,b\r\n"), {400}, fate::closed},
        {"a port that is none", get("Host: a:b\r\n"), {400}, fate::closed},
    });
}

TEST_CASE("a body's end can be read in one way only", "[worker][strict]")
{
    std::string const chunks = "3\r\nabc\r\n0\r\n\r\n";
    auto const te = [&](std::string const& value) {
        return post("Transfer-Encoding: " + value + "\r\n", chunks + hidden);
    };
    check({
        {"length", post("Content-Length: 3\r\n", "abc"), {200}, fate::kept},
        {"chunked", post("Transfer-Encoding: chunked\r\n", chunks), {200}, fate::kept},
        {"Chunked", post("Transfer-Encoding: Chunked\r\n", chunks), {200}, fate::kept},
        {"gzip", te("gzip"), {501}, fate::closed},
        {"identity", te("identity"), {501}, fate::closed},
        {"gzip, chunked", te("gzip, chunked"), {501}, fate::closed},
        {"chunked, gzip", te("chunked, gzip"), {501}, fate::closed},
        {"chunked, chunked", te("chunked, chunked"), {400}, fate::closed},
        {"an empty coding", te(""), {400}, fate::closed},
        {"an empty element", te("chunked,"), {400}, fate::closed},
        {"quoted", te("\"chunked\""), {400}, fate::closed},
        {"with a parameter", te("chunked;a=b"), {400}, fate::closed},
        {"xchunked", te("xchunked"), {501}, fate::closed},
        {"two fields", te("chunked\r\nTransfer-Encoding: chunked"), {400}, fate::closed},
        {"two fields, one foreign", te("chunked\r\nTransfer-Encoding: x"), {400}, fate::closed},
        {"vertical tab", te("\vchunked"), {400}, fate::closed},
        {"with a length", te("chunked\r\nContent-Length: 3"), {400}, fate::closed},
        {"after a length",
         post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", chunks + hidden),
         {400},
         fate::closed},
        {"foreign, with a length", te("gzip\r\nContent-Length: 13"), {400}, fate::closed},
        {"in HTTP/1.0",
         "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + hidden,
         {400},
         fate::closed},
        {"folded",
         post("Transfer-Encoding:\r\n chunked\r\n", chunks + hidden),
         {400},
         fate::closed},
        {"a space before the colon",
         post("Transfer-Encoding : chunked\r\n", chunks + hidden),
         {400},
         fate::closed},
        {"two lengths",
         post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"),
         {400},
         fate::closed},
        {"two equal lengths",
         post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
         {400},
         fate::closed},
        {"a list of lengths", post("Content-Length: 3, 3\r\n", "abc"), {400}, fate::closed},
        {"a signed length", post("Content-Length: +3\r\n", "abc"), {400}, fate::closed},
        {"a negative length", post("Content-Length: -3\r\n", "abc"), {400}, fate::closed},
        {"past 64 bits", post("Content-Length: 18446744073709551619\r\n"), {400}, fate::closed},
        {"an underscore is no hyphen",
         post("Transfer_Encoding: gzip\r\nContent-Length: 1\r\n", "a"),
         {200},
         fate::kept},
    });
}

TEST_CASE("a chunk is written in one way only", "[worker][strict]")
{
    auto const chunked = [](std::string const& body) {
        return post("Transfer-Encoding: chunked\r\n", body);
    };
    std::string const zeros(60, '0');
    std::string const end = "0\r\n\r\n";
    check({
        {"extensions", chunked("3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n"), {200}, fate::kept},
        {"16 digits", chunked("0000000000000003\r\nabc\r\n" + end), {200}, fate::kept},
        {"60 zeros", chunked(zeros + "3\r\nabc\r\n" + end), {400}, fate::closed},
        {"later", chunked("1\r\na\r\n" + zeros + "3\r\nabc\r\n" + end), {400}, fate::closed},
        {"at last", chunked("1\r\na\r\n" + zeros + "\r\n\r\n"), {400}, fate::closed},
        {"past 64 bits", chunked("11111111111111111\r\nabc"), {400}, fate::closed},
        {"no size", chunked("\r\nabc"), {400}, fate::closed},
        {"a prefix", chunked("0x3\r\nabc\r\n" + end), {400}, fate::closed},
        {"a sign", chunked("+3\r\nabc\r\n" + end), {400}, fate::closed},
        {"no CRLF after the data", chunked("3\r\nabcd\r\n" + end), {400}, fate::closed},
        {"a bare LF", chunked("3\nabc\r\n" + end), {400}, fate::closed},
        {"2 KiB of extensions",
         chunked("3;" + std::string(2048, 'e') + "\r\nabc\r\n" + end),
         {400},
         fate::closed},
        {"an extension without end",
         chunked("3;" + std::string(100'000, 'e')),
         {400},
         fate::closed},
        {"2 KiB of extensions in pieces",
         chunked(repeated(20, "1;" + std::string(100, 'e') + "\r\na\r\n") + end),
         {400},
         fate::closed},
        {"a trailer", chunked("1\r\na\r\n0\r\nDigest: x\r\n\r\n"), {200}, fate::kept},
        {"a length in the trailer",
         chunked("1\r\na\r\n0\r\nContent-Length: 5\r\n\r\n"),
         {400},
         fate::closed},
        {"a trailer of 100 KB",
         chunked("1\r\na\r\n0\r\nA: " + std::string(100'000, 'x') + "\r\n\r\n"),
         {431},
         fate::closed},
        {"a trailer of 5 KiB in fields",
         chunked("0\r\n" + repeated(50, "A: " + std::string(100, 'x') + "\r\n") + "\r\n"),
         {431},
         fate::closed},
    });
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

TEST_CASE("a request line is method, target and version", "[worker][strict]")
{
    auto const line = [](std::string const& text) { return text + "\r\nHost: a\r\n\r\n"; };
    check({
        {"an empty line before it", "\r\n" + line("GET / HTTP/1.1"), {200}, fate::kept},
        {"two empty lines before it", "\r\n\r\n" + line("GET / HTTP/1.1"), {400}, fate::closed},
        {"no version", line("GET /"), {400}, fate::closed},
        {"no version but a space", line("GET / "), {400}, fate::closed},
        {"HTTP/0.9", "GET /\r\n\r\n", {400}, fate::closed},
        {"two spaces", line("GET  / HTTP/1.1"), {400}, fate::closed},
        {"a space in the target", line("GET /a b HTTP/1.1"), {400}, fate::closed},
        {"a leading space", line(" GET / HTTP/1.1"), {400}, fate::closed},
        {"a tab", line("GET\t/ HTTP/1.1"), {400}, fate::closed},
        {"lower-case http", line("GET / http/1.1"), {400}, fate::closed},
        {"HTTP/1.2", line("GET / HTTP/1.2"), {505}, fate::closed},
        {"HTTP/2.0", line("GET / HTTP/2.0"), {505}, fate::closed},
        {"HTTP/11", line("GET / HTTP/11"), {400}, fate::closed},
        {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}, fate::closed},
        {"TLS", "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\n", {400}, fate::closed},
        {"a method that is no token", line("G(T / HTTP/1.1"), {400}, fate::closed},
        {"an unknown method", line("BREW / HTTP/1.1"), {501}, fate::kept},
        {"a method without a route", line("DELETE / HTTP/1.1"), {405}, fate::kept},
        {"CONNECT", line("CONNECT a:80 HTTP/1.1"), {501}, fate::closed},
        {"* with GET", line("GET * HTTP/1.1"), {400}, fate::closed},
        {"* with OPTIONS", line("OPTIONS * HTTP/1.1"), {204}, fate::kept},
        {"a target that is none", line("GET ! HTTP/1.1"), {400}, fate::closed},
        {"a fragment", line("GET /a#b HTTP/1.1"), {400}, fate::closed},
        {"a raw byte above 127", line("GET /\xC3\xA9 HTTP/1.1"), {400}, fate::closed},
        {"a bad escape", line("GET /%zz HTTP/1.1"), {400}, fate::closed},
        {"ftp", line("GET ftp://a/ HTTP/1.1"), {400}, fate::closed},
        {"a bare LF after it", "GET / HTTP/1.1\nHost: a\r\n\r\n", {400}, fate::closed},
    });
}

TEST_CASE("a header field is a token, a colon and one line", "[worker][strict]")
{
    std::string const nul{"X: a\0b\r\n", 8};
    check({
        {"folded by a space", get("Host: a\r\nX: b\r\n c\r\n"), {400}, fate::closed},
        {"folded by a tab", get("Host: a\r\nX: b\r\n\tc\r\n"), {400}, fate::closed},
        {"folded first line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", {400}, fate::closed},
        {"a bare LF", get("Host: a\nX: b\r\n"), {400}, fate::closed},
        {"a bare CR", get("Host: a\r\nX: b\rc\r\n"), {400}, fate::closed},
        {"NUL", get("Host: a\r\n" + nul), {400}, fate::closed},
        {"no colon", get("Host: a\r\nX\r\n"), {400}, fate::closed},
        {"no name", get("Host: a\r\n: b\r\n"), {400}, fate::closed},
        {"a space before the colon", get("Host: a\r\nX : b\r\n"), {400}, fate::closed},
        {"an empty value", get("Host: a\r\nX:\r\n"), {200}, fate::kept},
        {"an end by bare LF", "GET / HTTP/1.1\r\nHost: a\r\n\n", {400}, fate::closed},
    });
}

TEST_CASE("each limit has its status", "[worker][strict]")
{
    std::string const long_path = "/" + std::string(8191, 'a');
    std::string const mebibyte(1 << 20, 'b');
    check({
        {"8 KiB of target", get("Host: a\r\n", long_path), {200}, fate::kept},
        {"more", get("Host: a\r\n", long_path + "a"), {414}, fate::closed},
        {"a target without end", "GET /" + std::string(100'000, 'a'), {414}, fate::closed},
        {"a method without end", std::string(100'000, 'A'), {400}, fate::closed},
        {"100 fields", get("Host: a\r\n" + repeated(99, "X: \r\n")), {200}, fate::kept},
        {"101 fields", get("Host: a\r\n" + repeated(100, "X: \r\n")), {431}, fate::closed},
        {"17 KiB",
         get("Host: a\r\nX: " + std::string(17 << 10, 'x') + "\r\n"),
         {431},
         fate::closed},
        {"a field without end",
         "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x'),
         {431},
         fate::closed},
        {"1 MiB of body", post("Content-Length: 1048576\r\n", mebibyte), {200}, fate::kept},
        {"a byte more, announced", post("Content-Length: 1048577\r\n"), {413}, fate::closed},
        {"a byte more, chunked",
         post("Transfer-Encoding: chunked\r\n",
              "100000\r\n" + mebibyte + "\r\n1\r\nb\r\n0\r\n\r\n"),
         {413},
         fate::closed},
    });
}

TEST_CASE("Expect is 100-continue or refused", "[worker][strict]")
{
    check({
        {"something else", post("Expect: else\r\nContent-Length: 1\r\n", "a"), {417}, fate::closed},
        {"twice",
         post("Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n"),
         {417},
         fate::closed},
        {"the body is here already",
         post("Expect: 100-continue\r\nContent-Length: 1\r\n", "a"),
         {200},
         fate::kept},
        {"no body", get("Host: a\r\nExpect: 100-continue\r\n"), {200}, fate::kept},
        {"a body that is refused",
         post("Expect: 100-continue\r\nContent-Length: 1048577\r\n"),
         {413},
         fate::closed},
        {"a route that is not there",
         "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
         {405},
         fate::closed},
    });
}

TEST_CASE("garbage after a request spoils only itself", "[worker][strict]")
{
    check({
        {"after one", hidden + "garbage\r\n\r\n", {200, 400}, fate::closed},
        {"after two", hidden + hidden + "\x01\x02\r\n", {200, 200, 400}, fate::closed},
        {"nothing after a refusal is read", get("") + hidden + hidden, {400}, fate::closed},
    });
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
