// The small examples do what their first lines say.
#include "cluster.hpp"

#include <map>

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
