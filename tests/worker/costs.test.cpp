// What a connection costs in memory that is asked for: this program counts what it is given, so it
// is one of its own. Client and server are on one thread; the client asks for nothing.
#include "support/allocations.hpp"
#include "support/catch.hpp"

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <covey/protocol/handle.hpp>
#include <covey/worker/http/server.hpp>
#include <string_view>
#include <sys/resource.h>
#include <sys/socket.h>
#include <system_error>
#include <utility>
#include <vector>

namespace costs_test {

namespace http = covey::http;
namespace net = boost::asio;
using covey::handle;
namespace allocations = covey::test::allocations;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view least = "GET /hello HTTP/1.1\r\nHost: a.example\r\n\r\n";
constexpr std::string_view browsers =
    "GET /hello?from=the-start-page HTTP/1.1\r\n"
    "Host: www.example.org:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "Connection: keep-alive\r\n"
    "If-None-Match: \"0123456789abcdef\"\r\n\r\n";

std::pair<handle, handle> connection()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        throw std::system_error{errno, std::system_category(), "socketpair"};
    return {handle{ends[0]}, handle{ends[1]}};
}

class quiet_server
{
  public:
    quiet_server()
    {
        routes_.add("GET", "/hello",
                    [](http::request const&) { return http::text("hello world"); });
    }

    handle connect()
    {
        auto [ours, theirs] = connection();
        server_.open(std::move(theirs));
        return std::move(ours);
    }

    // False when the answer is not a 200.
    bool ask(handle const& client, std::string_view request)
    {
        ::send(client.get(), request.data(), request.size(), MSG_NOSIGNAL);
        ssize_t got = 0;
        while ((got = ::recv(client.get(), answer_, sizeof answer_, MSG_DONTWAIT)) < 0)
            loop_.run_one();
        return std::string_view{answer_, static_cast<std::size_t>(got)}.starts_with("HTTP/1.1 200");
    }

  private:
    static http::limits quick()
    {
        http::limits bounds;
        bounds.tick = 1ms; // what is done at a tick is counted, too
        return bounds;
    }

    net::io_context loop_{1};
    http::router routes_;
    http::server server_{loop_, routes_, quick()};
    char answer_[4096];
};

} // namespace

TEST_CASE("a request on a connection that is kept asks for no memory", "[worker][costs]")
{
    auto const request = GENERATE(least, browsers);
    CAPTURE(request);
    quiet_server server;
    auto const client = server.connect();
    bool all = true;
    std::size_t asked = 1;
    // Until every buffer has its size, those of the first ticks, too.
    for (int tries = 0; tries != 10 && asked != 0; ++tries) {
        auto const before = allocations::made();
        for (int i = 0; i < 2'000; ++i)
            all = server.ask(client, request) && all;
        asked = allocations::made() - before;
    }
    CHECK(all);
    CHECK(asked == 0);
}

TEST_CASE("what a request asks for is counted", "[worker][costs]")
{
    auto const before = allocations::made();
    auto const held = allocations::bytes_held();
    std::vector<char> some(1'000);
    CHECK(allocations::made() - before == 1);
    CHECK(allocations::bytes_held() - held >= 1'000);
    std::vector<char>{}.swap(some);
    CHECK(allocations::bytes_held() == held);
}

TEST_CASE("an idle connection holds at most 8 KiB", "[worker][costs]")
{
    constexpr std::size_t connections = 2'000;
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);

    auto const request = GENERATE(least, browsers);
    CAPTURE(request);
    quiet_server server;
    std::vector<handle> clients;
    clients.reserve(connections);
    auto const before = allocations::bytes_held();
    for (std::size_t i = 0; i != connections; ++i) {
        clients.push_back(server.connect());
        REQUIRE(server.ask(clients.back(), request));
    }
    auto const each = (allocations::bytes_held() - before) / connections;
    CAPTURE(each);
    CHECK(each > 500); // it was measured
    CHECK(each <= 8 << 10);
}

} // namespace costs_test
