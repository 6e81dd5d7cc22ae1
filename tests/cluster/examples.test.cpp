// The small examples do what their first lines say.
#include "cluster.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>

namespace examples_test {

using namespace covey::test;

TEST_CASE("hello counts visits across its workers", "[cluster][examples]")
{
    cluster const it{HELLO, 2, {"--dispatch", "round_robin"}};
    std::set<std::string> workers;
    for (int visit = 1; visit <= 4; ++visit) {
        auto const answer = it.ask("GET", "/");
        CHECK(answer.status == 200);
        CHECK(answer.body.ends_with(", visit number " + std::to_string(visit) + "\n"));
        workers.insert(answer.body.substr(0, answer.body.find(',')));
    }
    CHECK(workers == std::set<std::string>{"hello from worker 0", "hello from worker 1"});
}

TEST_CASE("echo answers any method and any path with the request's body", "[cluster][examples]")
{
    cluster const it{ECHO, 2};
    auto const pids = it.workers();
    for (auto const* path : {"/", "/a", "/a/b/c", "/a/", "//", "/q?x=1", "/%2F"})
        for (auto const* method : {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
            INFO(method << " " << path);
            auto const answer = it.ask(method, path, "some bytes");
            CHECK(answer.status == 200);
            CHECK(answer.body == "some bytes");
            CHECK(answer.header("Content-Type") == "text/plain");
            CHECK(std::count(pids.begin(), pids.end(), worker_of(answer)) == 1);
        }
}

TEST_CASE("echo keeps the type and every byte of a body", "[cluster][examples]")
{
    cluster const it{ECHO, 1};
    std::string body;
    for (int i = 0; i < 300'000; ++i)
        body += static_cast<char>(i);
    auto const answer = it.ask("POST", "/", body, "Content-Type: application/x-own; a=b\r\n");
    CHECK(answer.header("Content-Type") == "application/x-own; a=b");
    CHECK((answer.body == body)); // not printed
    CHECK(it.ask("GET", "/").body.empty());

    auto client = it.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
    CHECK(client.read().body == "hello world");
}

TEST_CASE("in a conversation the master counts what its workers tell it", "[cluster][examples]")
{
    cluster const it{CONVERSATION, 2, {"--dispatch", "round_robin"}};
    for (int visitor = 1; visitor <= 10; ++visitor)
        CHECK(it.ask("GET", "/").body == "told\n");
    CHECK(wait_until([&] { return it.ask("GET", "/count").body == "10\n"; }));
    CHECK(wait_until([&] {
        auto const log = it.process.errors();
        auto const first = log.find("the master says: visitor number 10");
        return first != log.npos && log.find("visitor number 10", first + 40) != log.npos;
    }));
}

TEST_CASE("a session begun at one worker is known by all, also when that one is dead",
          "[cluster][examples]")
{
    cluster const it{SESSIONS, 2, {"--dispatch", "round_robin"}};
    CHECK(it.ask("GET", "/").status == 401);
    auto const begun = it.ask("POST", "/login", R"({"name": "anna"})");
    CHECK(begun.body == "welcome anna\n");
    auto const cookie = begun.header("Set-Cookie");
    CHECK(cookie.find("HttpOnly") != cookie.npos);
    auto const mine = "Cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
    std::set<std::string> workers;
    for (int visit = 1; visit <= 4; ++visit) {
        auto const said = it.ask("GET", "/", {}, mine).body;
        CHECK(said.starts_with("hello anna, visit " + std::to_string(visit) + ", from worker "));
        workers.insert(said.substr(said.size() - 2));
    }
    CHECK(workers.size() == 2);
    for (auto const pid : it.workers())
        ::kill(pid, SIGKILL);
    CHECK(wait_until(
        [&] { return it.ask("GET", "/", {}, mine).body.starts_with("hello anna, visit "); }));
    auto const wrong = it.ask("POST", "/login", R"({"name": 7})");
    CHECK(wrong.status == 400);
    CHECK(wrong.body == "name is 7, not a string\n");
    auto const last = it.ask("POST", "/logout", {}, mine);
    CHECK(last.status == 204);
    CHECK(last.header("Set-Cookie").find("Max-Age=0") != cookie.npos);
    CHECK(it.ask("GET", "/", {}, mine).status == 401);
}

TEST_CASE("one limit holds for the requests to all workers together", "[cluster][examples]")
{
    cluster const it{RATE_LIMITER, 3, {"--dispatch", "round_robin", "--rate", "5"}};
    auto const begun = std::chrono::steady_clock::now();
    int granted = 0;
    int refused = 0;
    for (int i = 0; i < 100; ++i) {
        auto const answer = it.ask("GET", "/");
        granted += answer.status == 200;
        if (answer.status == 429) {
            ++refused;
            CHECK(answer.header("Retry-After") == "1");
        }
    }
    auto const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun);
    CHECK(granted + refused == 100);
    CHECK(granted >= 5);
    CHECK(granted <= 5 + 5 * seconds.count() + 1); // the burst, and what was earned since
    CHECK(it.ask("GET", "/refused").body == std::to_string(refused) + "\n");
    CHECK(wait_until([&] { return it.ask("GET", "/").status == 200; }));
}

TEST_CASE("an upload of any size comes back as it was, in little memory", "[cluster][examples]")
{
    char folder[] = "/tmp/covey-upload-XXXXXX";
    REQUIRE(::mkdtemp(folder) != nullptr);
    std::string const kept{folder};
    cluster const it{UPLOAD, 1, {"--folder", kept}};
    std::string file;
    for (std::uint32_t i = 0; i < 2'000'000; ++i)
        file += static_cast<char>(i * 2654435761u >> 24);
    auto client = it.connect();
    auto const answer = ask(client, "PUT", "/files/one", file);
    CHECK(answer.status == 201);
    CHECK(answer.body == "2000000 bytes\n");
    auto back = it.connect();
    back.send("GET /files/one HTTP/1.0\r\n\r\n");
    CHECK((back.read().body == file)); // not printed
    CHECK(it.ask("GET", "/files/none").status == 404);
    CHECK(it.ask("PUT", "/files/.hidden", "x").status == 400);
    CHECK(it.ask("PUT", "/files/..%2Fout", "x").status == 400);

    // One that breaks off leaves nothing.
    auto const holds = [&](std::ptrdiff_t count) {
        auto const each = std::filesystem::directory_iterator{kept};
        return std::distance(begin(each), end(each)) == count;
    };
    auto broken = it.connect();
    broken.send("PUT /files/part HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
                std::string(1000, 'x'));
    CHECK(wait_until([&] { return holds(2); })); // it has begun
    broken.close();
    CHECK(wait_until([&] { return holds(1); }));
    std::filesystem::remove_all(kept);
}

} // namespace examples_test
