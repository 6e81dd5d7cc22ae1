// How many connections a worker takes, and what becomes of those that nobody takes.
#include "cluster.hpp"

#include <map>

namespace limits_test {

using namespace covey::test;

namespace {

// Clients by the seat that answers them, each with its connection open.
using crowd = std::map<std::string, std::vector<http_client>>;

std::map<std::string, std::size_t> sizes(crowd const& of)
{
    std::map<std::string, std::size_t> out;
    for (auto const& [seat, clients] : of)
        out[seat] = clients.size();
    return out;
}

void join(crowd& into, http_client client)
{
    auto const answer = client.read();
    REQUIRE(answer.status == 200);
    into[answer.header("X-Seat")].push_back(std::move(client));
}

http_client asking(cluster const& it)
{
    auto out = it.connect();
    out.send(request_text("GET", "/healthz"));
    return out;
}

} // namespace

TEST_CASE("limits of 0, 1 and 9 share ten connections exactly", "[cluster][limits]")
{
    auto const* const policy = GENERATE("least_loaded", "round_robin", "hash", "shared");
    CAPTURE(policy);
    cluster const it{SANDBOX, 3, {"--dispatch", policy}, {"SANDBOX_LIMITS=0,1,9"}};
    std::vector<http_client> clients;
    for (int i = 0; i < 13; ++i) // at once; three more than there is room for
        clients.push_back(asking(it));
    crowd served;
    for (int i = 0; i < 10; ++i)
        join(served, std::move(clients[static_cast<std::size_t>(i)]));
    CHECK(sizes(served) == std::map<std::string, std::size_t>{{"1", 1}, {"2", 9}});

    // Who waits gets the place of who leaves.
    served["1"].clear();
    join(served, std::move(clients[10]));
    CHECK(served["1"].size() == 1);
    served["2"].pop_back();
    join(served, std::move(clients[11]));
    CHECK(served["2"].size() == 9);

    // A worker that takes more says so.
    CHECK(ask(served["1"].front(), "GET", "/limit?most=2").status == 200);
    join(served, std::move(clients[12]));
    CHECK(served["1"].size() == 2);
}

TEST_CASE("a limit for every worker is a flag, and clients beyond it wait", "[cluster][limits]")
{
    auto const* const policy = GENERATE("least_loaded", "shared", "reuseport");
    CAPTURE(policy);
    cluster it{SANDBOX, 1, {"--dispatch", policy, "--connections-max", "2"}};
    std::vector<http_client> clients;
    for (int i = 0; i < 5; ++i)
        clients.push_back(asking(it));
    for (auto& client : clients) { // each is answered when those before it have gone
        CHECK(client.read().status == 200);
        client.close();
    }
    for (int i = 0; i < 5; ++i) // and a worker that comes new has all of its room
        clients.push_back(asking(it));
    ::kill(it.workers().front(), SIGKILL);
    CHECK(wait_until([&] { return it.has_logged("Killed") && it.workers().size() == 1; }));
    auto last = asking(it);
    for (std::size_t i = 5; i < 10; ++i)
        clients[i].close();
    CHECK(last.read().status == 200);
}

TEST_CASE("a cluster none of whose workers takes connections lets clients wait",
          "[cluster][limits]")
{
    cluster it{SANDBOX, 2, {"--connections-max", "0"}};
    auto client = asking(it);
    it.process.signal(SIGHUP); // new workers take none either, and none is closed for it
    CHECK(wait_until([&] { return it.has_logged("generation 1 serves"); }));
    client.end_sending();
    it.process.signal(SIGTERM); // who waits is served or closed, and nobody waits for it
    CHECK(it.process.wait_for_end() == 0);
    CHECK(client.read().status == 0);
}

} // namespace limits_test
