// The access log: a line for every response, whoever reads it and whatever a client sends.
#include "support/catch.hpp"
#include "support/http_server.hpp"
#include "support/said.hpp"
#include "support/scratch_folder.hpp"

#include <boost/asio/io_context.hpp>
#include <covey/protocol/log.hpp>
#include <covey/worker/http/access_log.hpp>
#include <fcntl.h>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace access_log_test {

namespace http = covey::http;
namespace net = boost::asio;
namespace words = covey::http::metric_words;
using covey::test::http_server;
using covey::test::scratch_folder;
using covey::test::text_of;
using covey::test::wait_until;
using form = covey::log::format;

namespace {

void routes(http::router& to, net::io_context&)
{
    to.add("GET", "/hello", [](http::request const&) { return http::text("hello"); });
    to.add("GET", "/id", [](http::request const& asked) { return http::text(asked.id()); });
    to.add("GET", "/throws",
           [](http::request const&) -> http::response { throw std::runtime_error{"on purpose"}; });
}

std::string get(std::string const& target, std::string const& fields = "")
{
    return "GET " + target + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n";
}

// The lines of a file, once there are so many.
std::vector<std::string> lines_of(std::string const& path, std::size_t count)
{
    std::vector<std::string> out;
    REQUIRE(wait_until([&] {
        std::istringstream in{text_of(path)};
        out.clear();
        for (std::string line; std::getline(in, line);)
            out.push_back(line);
        return out.size() >= count;
    }));
    CHECK(out.size() == count);
    return out;
}

} // namespace

TEST_CASE("a response is a line in nginx's combined format, with time, seat and id at its end",
          "[worker][access_log]")
{
    scratch_folder const here;
    auto const file = here / "access.log";
    http_server server{routes};
    server.run([&] { server.get().log_access(file, form::text, 3); });
    auto client = server.connect_tcp();
    client.send(get("/hello?a=b", "Referer: http://a/\r\nUser-Agent: test \"1\"\r\n"
                                  "X-Request-Id: abc-1\r\n"));
    CHECK(client.read().status == 200);
    client.send(get("/nowhere"));
    CHECK(client.read().status == 404);
    client.send("BAD\r\n\r\n");
    CHECK(client.read().status == 400);
    auto const lines = lines_of(file, 3);
    std::string const when = R"(\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\])";
    CHECK(std::regex_match(lines[0],
                           std::regex{R"(127\.0\.0\.1 - - )" + when +
                                      R"re( "GET /hello\?a=b HTTP/1\.1" 200 5 "http://a/" )re"
                                      R"re("test \\"1\\"" \d+\.\d{6} seat=3 id=abc-1)re"}));
    CHECK(std::regex_match(lines[1], std::regex{R"(127\.0\.0\.1 - - )" + when +
                                                R"re( "GET /nowhere HTTP/1\.1" 404 \d+ "-" "-" )re"
                                                R"re(\d+\.\d{6} seat=3 id=[0-9a-f]{32})re"}));
    CHECK(std::regex_match(
        lines[2], std::regex{R"(127\.0\.0\.1 - - )" + when + R"re( ".*" 400 \d+ "-" "-" .*)re"}));
}

TEST_CASE("a response is one JSON object a line where the log is JSON", "[worker][access_log]")
{
    scratch_folder const here;
    auto const file = here / "access.log";
    http_server server{routes};
    server.run([&] { server.get().log_access(file, form::json, 1); });
    auto client = server.connect();
    client.send(get("/id",
                    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
                    "User-Agent: a\"b\\c\r\n"));
    auto const id = client.read().body;
    CHECK(std::regex_match(
        lines_of(file, 1)[0],
        std::regex{R"re(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","seat":1,)re"
                   R"re("method":"GET","target":"/id","version":"HTTP/1\.1","status":200,)re"
                   R"re("bytes":32,"seconds":\d+\.\d{6},"agent":"a\\"b\\\\c","id":")re" +
                   id + R"re(","trace":"0af7651916cd43dd8448eb211c80319c"\})re"}));
}

TEST_CASE("no client can end a line of the access log or forge one", "[worker][access_log]")
{
    scratch_folder const here;
    auto const file = here / "access.log";
    http::request evil;
    evil.method_name = "GET";
    evil.target_text = "/\" 200\n127.0.0.1 - - \x1b[2J";
    evil.fields = {{"User-Agent", "a\"\nb"}, {"Referer", "\r\n"}};
    form const how = GENERATE(form::text, form::json);
    {
        http::access_log log{file, how, 0};
        log.write({.asked = evil, .client = "127.0.0.1", .status = 200});
    }
    auto const line = lines_of(file, 1)[0];
    CHECK(line.find('\x1b') == line.npos);
    CHECK(line.find('\r') == line.npos);
    if (how == form::text)
        CHECK(line.find(R"re("GET /\" 200\n127.0.0.1 - - \x1b[2J HTTP/1.1" 200 0 )re") !=
              line.npos);
}

TEST_CASE("requests go on while nobody reads the access log, and what is lost is counted",
          "[worker][access_log]")
{
    scratch_folder const here;
    auto const pipe = here / "access.pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    covey::handle const reader{::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    http_server server{routes};
    server.run([&] { server.get().log_access(pipe, form::text, 0); });
    auto client = server.connect();
    // 2 MiB of buffers and a pipe of 64 KiB are full after 600 lines of 4 KiB.
    std::string const wide = "User-Agent: " + std::string(4'000, 'x') + "\r\n";
    for (int i = 0; i != 1'000; ++i) {
        client.send(get("/hello", wide));
        REQUIRE(client.read().status == 200);
    }
    CHECK(server.counted(words::access_log_dropped) > 0);
    CHECK(server.counted(words::request_word(words::method_index("GET"), words::code_index(200))) ==
          1'000);
}

TEST_CASE("requests go on while nobody reads standard error, and what is lost is counted",
          "[worker][access_log]")
{
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    covey::handle const reader{ends[0]};
    covey::handle const writer{ends[1]};
    auto const before = covey::log::dropped();
    covey::log::configure("worker 1", covey::log::level::error, form::text);
    covey::handle const usual{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    REQUIRE(::dup2(writer.get(), STDERR_FILENO) == STDERR_FILENO);
    unsigned failed = 0;
    {
        http_server server{routes};
        auto client = server.connect();
        for (int i = 0; i != 2'000; ++i) { // a line each, of more than 64 KiB together
            client.send(get("/throws"));
            failed += client.read().status == 500 ? 1 : 0;
        }
    }
    REQUIRE(::dup2(usual.get(), STDERR_FILENO) == STDERR_FILENO);
    CHECK(failed == 2'000);
    CHECK(covey::log::dropped() > before);
}

TEST_CASE("a handler that throws is a line with its request's id", "[worker][access_log]")
{
    covey::log::configure("worker 1", covey::log::level::error, form::text);
    auto const text = covey::test::said([] {
        http_server server{routes};
        auto client = server.connect();
        client.send(get("/throws", "X-Request-Id: call-7\r\n"));
        CHECK(client.read().status == 500);
    });
    CHECK(text.find("worker 1: request call-7: GET /throws: on purpose\n") != text.npos);
}

} // namespace access_log_test
