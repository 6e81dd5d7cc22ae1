// How connections fall to workers under each policy.
#include "cluster.hpp"

#include <map>

using namespace covey::test;

TEST_CASE("every policy serves every connection", "[cluster][spread]")
{
    auto const* const policy = GENERATE("shared", "round_robin", "least_loaded", "reuseport");
    CAPTURE(policy);
    cluster const it{ECHO, 3, {"--dispatch", policy}};
    auto const pids = it.workers();
    std::map<pid_t, int> held;
    std::vector<http_client> clients;
    for (int i = 0; i < 120; ++i) {
        clients.push_back(it.connect());
        auto const answer = ask(clients.back(), "POST", "/", "hello");
        REQUIRE(answer.body == "hello");
        ++held[worker_of(answer)];
    }
    for (auto& client : clients) // all of them at once are open, and all still answer
        CHECK(ask(client, "POST", "/", "again").body == "again");
    for (auto const& [pid, count] : held) {
        CHECK(std::count(pids.begin(), pids.end(), pid) == 1);
        CHECK(count > 0);
    }

    std::string const word = policy;
    if (word == "round_robin" || word == "least_loaded") {
        REQUIRE(held.size() == 3);
        for (auto const& [pid, count] : held) {
            CHECK(count >= 39);
            CHECK(count <= 41);
        }
    }
    if (word == "reuseport") // the kernel hashes; 120 on one of three is no hash
        CHECK(held.size() == 3);
}

TEST_CASE("least_loaded fills up the worker that lost its clients", "[cluster][spread]")
{
    cluster const it{ECHO, 2, {"--dispatch", "least_loaded"}};
    std::map<pid_t, std::vector<http_client>> held;
    for (int i = 0; i < 20; ++i) {
        auto client = it.connect();
        auto const pid = worker_of(ask(client, "GET", "/"));
        held[pid].push_back(std::move(client));
    }
    REQUIRE(held.size() == 2);
    auto const emptied = held.begin()->first;
    held.begin()->second.clear();
    // Its load falls as it notices the ends.
    CHECK(wait_until([&] {
        auto client = it.connect();
        return worker_of(ask(client, "GET", "/")) == emptied;
    }));
    for (int i = 0; i < 5; ++i) {
        auto client = it.connect();
        auto const pid = worker_of(ask(client, "GET", "/"));
        CHECK(pid == emptied);
        held[pid].push_back(std::move(client));
    }
}
