// What outlives a killed process: the state, the seat, the port.
#include "cluster.hpp"

#include "support/descriptor_count.hpp"

#include <fstream>
#include <map>
#include <thread>

namespace survival_test {

using namespace covey::test;

TEST_CASE("a killed worker's seat is taken again and the state is as it was", "[cluster][survival]")
{
    cluster it{BOARD, 2};
    auto clients = it.one_on_each(2);
    ask(clients[0], "PUT", "/scores/anna", "5");
    ask(clients[1], "PUT", "/scores/bert", "7");
    CHECK(ask(clients[0], "GET", "/visits").body == "1");
    auto const before = it.workers();
    auto const victim = worker_of(ask(clients[0], "GET", "/healthz"));
    auto const seat = ask(clients[0], "GET", "/whoami").body;
    ::kill(victim, SIGKILL);
    CHECK(clients[0].at_end());
    CHECK(ask(clients[1], "GET", "/visits").body == "2"); // the other one never noticed

    REQUIRE(wait_until([&] { return it.has_logged("worker 3 is ready"); }));
    auto after = it.one_on_each(2);
    std::set<std::string> seats;
    for (auto& client : after) {
        CHECK(ask(client, "GET", "/scores").body == R"({"anna":5,"bert":7})");
        auto const who = ask(client, "GET", "/whoami").body;
        seats.insert(who.substr(who.find("\"seat\":"), 8));
        CHECK(worker_of(ask(client, "GET", "/healthz")) != victim);
    }
    CHECK(seats == std::set<std::string>{"\"seat\":0", "\"seat\":1"});
    CHECK(ask(after[0], "POST", "/scores/anna", "1").body == "6");
    CHECK(ask(after[1], "GET", "/scores/anna").body == "6");
}

TEST_CASE("what the master says to a worker at its fork is heard by it, in order, and by the next",
          "[cluster][survival]")
{
    cluster it{SANDBOX, 2, {}, {"SANDBOX_EARLY=1"}};
    std::string all;
    for (int i = 0; i < 100; ++i)
        all += std::to_string(i) + " ";
    auto clients = it.one_on_each(2);
    for (auto& client : clients)
        CHECK(wait_until([&] { return ask(client, "GET", "/numbers").body == all; }));
    ::kill(worker_of(ask(clients[0], "GET", "/healthz")), SIGKILL);
    REQUIRE(wait_until([&] { return it.has_logged("worker 3 is ready"); }));
    for (auto& client : it.one_on_each(2))
        CHECK(wait_until([&] { return ask(client, "GET", "/numbers").body == all; }));
}

TEST_CASE("a seat keeps its CPU, whoever takes it", "[cluster][survival]")
{
    cluster it{SANDBOX, 2, {"--pin-cpus", "yes"}};
    auto const cpus_by_seat = [&] {
        std::map<std::string, std::string> out;
        for (auto& client : it.one_on_each(2)) {
            auto const answer = ask(client, "GET", "/healthz");
            std::ifstream in{"/proc/" + std::to_string(worker_of(answer)) + "/status"};
            for (std::string line; std::getline(in, line);)
                if (line.starts_with("Cpus_allowed_list:"))
                    out[answer.header("X-Seat")] = line;
        }
        return out;
    };
    auto const before = cpus_by_seat();
    REQUIRE(before.size() == 2);
    CHECK((before.at("0") != before.at("1") || std::thread::hardware_concurrency() == 1));
    for (auto const pid : it.workers())
        ::kill(pid, SIGKILL);
    REQUIRE(wait_until(
        [&] { return it.has_logged("worker 3 is ready") && it.has_logged("worker 4 is ready"); }));
    CHECK(cpus_by_seat() == before);
}

TEST_CASE("a killed master leaves no worker, and its port is free", "[cluster][survival]")
{
    auto const* const policy = GENERATE("shared", "round_robin", "reuseport");
    std::uint16_t port = 0;
    std::vector<pid_t> pids;
    {
        cluster it{BOARD, 3, {"--dispatch", policy}};
        auto client = it.connect();
        CHECK(ask(client, "GET", "/visits").status == 200);
        port = it.port;
        pids = it.workers();
        REQUIRE(pids.size() == 3);
        it.process.signal(SIGKILL);
        CHECK(it.process.wait_for_end() == -SIGKILL);
        for (auto const pid : pids)
            CHECK(wait_until([&] { return is_gone(pid); }));
        CHECK(client.at_end());
    }
    CHECK_THROWS(http_client::to_port(port));
    program next{BOARD, {"--workers", "1", "--listen", "127.0.0.1:" + std::to_string(port)}};
    CHECK(wait_until([&] { return !next.output().empty() || !next.is_running(); }));
    CHECK(next.output().find(" ready on ") != std::string::npos);
}

TEST_CASE("a master whose workers were killed has no descriptor more and no zombie",
          "[cluster][survival]")
{
    auto const* const policy = GENERATE("shared", "round_robin", "least_loaded", "reuseport");
    CAPTURE(policy);
    cluster it{BOARD, 2, {"--dispatch", policy}};
    auto const master = it.process.pid();
    auto const before = covey::test::descriptor_count(master);
    for (int death = 0; death < 6; ++death) {
        auto const pids = it.workers();
        REQUIRE(pids.size() == 2);
        ::kill(pids[static_cast<std::size_t>(death) % 2], SIGKILL);
        auto const next = "worker " + std::to_string(3 + death) + " is ready";
        REQUIRE(wait_until([&] { return it.has_logged(next); }));
    }
    CHECK(wait_until([&] { return covey::test::descriptor_count(master) == before; }));
    auto const children = children_of(master);
    CHECK(children.size() == 2);
    CHECK(std::none_of(children.begin(), children.end(), is_zombie));
}

} // namespace survival_test
