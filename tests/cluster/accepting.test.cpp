// How a cluster comes to its connections: addresses, errors of accept, clients that are quick.
#include "cluster.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sys/resource.h>
#include <thread>

namespace accepting_test {

using namespace covey::test;

namespace {

auto const policies = {"shared", "round_robin", "least_loaded", "reuseport", "hash"};

// How often the process has given up the CPU because there was nothing to do.
std::size_t times_slept(pid_t pid)
{
    std::ifstream in{"/proc/" + std::to_string(pid) + "/status"};
    std::string const word = "voluntary_ctxt_switches:";
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(word))
            return std::stoul(line.substr(word.size()));
    return 0;
}

// The first descriptor number that the process has free.
rlim_t room_from(pid_t pid)
{
    rlim_t out = 0;
    while (std::filesystem::exists(std::filesystem::symlink_status("/proc/" + std::to_string(pid) +
                                                                   "/fd/" + std::to_string(out))))
        ++out;
    return out;
}

// A cluster whose master runs under strace. The master is not strace's to end.
struct traced
{
    explicit traced(std::string const& inject)
        : it{"/usr/bin/strace",
             2,
             {"-o", "/dev/null", "-e", "trace=accept4", "-e", "inject=accept4:" + inject, HELLO},
             {"ASAN_OPTIONS=detect_leaks=0"}} // it cannot, while traced
        , master{children_of(it.process.pid()).at(0)}
    {}
    ~traced() { ::kill(master, SIGKILL); }
    cluster it;
    pid_t master;
};

} // namespace

TEST_CASE("errors of accept cost nobody a connection", "[cluster][accepting]")
{
    if (!std::filesystem::exists("/usr/bin/strace")) {
        WARN("strace is not here: not tested");
        return;
    }
    auto const* const error = GENERATE("ECONNABORTED", "EPROTO", "EPERM", "EINTR", "EMFILE",
                                       "EINVAL"); // the last two are slept over
    CAPTURE(error);
    traced under{std::string{"error="} + error + ":when=1+3"};
    for (int i = 0; i < 8; ++i)
        CHECK(under.it.ask("GET", "/").status == 200);
    ::kill(under.master, SIGTERM);
    CHECK(under.it.process.wait_for_end() == 0);
}

TEST_CASE("a master without descriptors rests, and goes on when it has some",
          "[cluster][accepting]")
{
    cluster it{SANDBOX, 2, {"--dispatch", "least_loaded"}};
    auto const master = it.process.pid();
    rlimit before{};
    REQUIRE(::prlimit(master, RLIMIT_NOFILE, nullptr, &before) == 0);
    rlimit const now{room_from(master), before.rlim_max};
    REQUIRE(::prlimit(master, RLIMIT_NOFILE, &now, nullptr) == 0);

    std::vector<http_client> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(it.connect());
        clients.back().send(request_text("GET", "/healthz"));
    }
    CHECK(wait_until(
        [&] { return it.has_logged("accepting pauses: Too many open files; raise the limit"); }));
    auto const slept = times_slept(master);
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
    CHECK(times_slept(master) - slept <= 50); // ten turns a second; a loop that spun had thousands

    REQUIRE(::prlimit(master, RLIMIT_NOFILE, &before, nullptr) == 0);
    for (auto& client : clients)
        CHECK(client.read().status == 200);
}

TEST_CASE("a worker without descriptors leaves connections to its siblings", "[cluster][accepting]")
{
    auto const* const policy = GENERATE("round_robin", "least_loaded", "hash");
    CAPTURE(policy);
    cluster const it{SANDBOX, 2, {"--dispatch", policy}};
    auto const full = worker_of(it.ask("GET", "/healthz"));
    rlimit before{};
    REQUIRE(::prlimit(full, RLIMIT_NOFILE, nullptr, &before) == 0);
    // Connections that end leave it some room, until it has none at all.
    REQUIRE(wait_until([&] {
        rlimit const now{room_from(full), before.rlim_max};
        REQUIRE(::prlimit(full, RLIMIT_NOFILE, &now, nullptr) == 0);
        bool served = false;
        for (int i = 0; i < 4; ++i)
            served = worker_of(it.ask("GET", "/healthz")) == full || served;
        return !served;
    }));
    std::vector<http_client> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(it.connect());
        auto const answer = ask(clients.back(), "GET", "/healthz");
        CHECK(answer.status == 200);
        CHECK(worker_of(answer) != full);
    }
    REQUIRE(::prlimit(full, RLIMIT_NOFILE, &before, nullptr) == 0);
    CHECK(wait_until([&] { return worker_of(it.ask("GET", "/healthz")) == full; }));
    CHECK(it.workers().size() == 2);
}

TEST_CASE("two clusters on one port: the second says so and ends, the first goes on",
          "[cluster][accepting]")
{
    auto const* const policy = GENERATE("least_loaded", "shared", "reuseport");
    CAPTURE(policy);
    std::uint16_t port = 0;
    {
        cluster first{BOARD, 2, {"--dispatch", policy}};
        port = first.port;
        auto const address = "127.0.0.1:" + std::to_string(port);
        program second{BOARD, {"--listen", address, "--dispatch", policy}};
        CHECK(second.wait_for_end() == 1);
        CHECK(second.output().empty());
        CHECK(second.errors() == "covey: listen on " + address +
                                     ": Address already in use; stop the program that has it or "
                                     "choose another --listen\n");
        for (int i = 0; i < 8; ++i)
            CHECK(first.ask("GET", "/healthz").status == 200);
        first.process.signal(SIGTERM);
        CHECK(first.process.wait_for_end() == 0);
    }
    cluster const retried{
        BOARD, 2, {"--dispatch", policy, "--listen", "127.0.0.1:" + std::to_string(port)}};
    CHECK(retried.port == port);
    CHECK(retried.ask("GET", "/healthz").status == 200);
}

TEST_CASE("port 0 named twice is two ports, and an address named twice an error",
          "[cluster][accepting]")
{
    cluster const it{BOARD, 1, {"--listen", "127.0.0.1:0"}}; // its second
    auto const line = it.process.output();
    std::set<std::uint16_t> ports;
    for (auto at = line.find("127.0.0.1:"); at != line.npos; at = line.find("127.0.0.1:", at + 1))
        ports.insert(static_cast<std::uint16_t>(std::stoul(line.substr(at + 10))));
    REQUIRE(ports.size() == 2);
    for (auto const port : ports) {
        auto client = http_client::to_port(port);
        CHECK(ask(client, "GET", "/healthz").status == 200);
    }
    // The same address in other words is found by the kernel.
    program twice{BOARD,
                  {"--listen", "127.0.0.1:" + std::to_string(*ports.begin() + 1), "--listen",
                   "localhost:" + std::to_string(*ports.begin() + 1)}};
    CHECK(twice.wait_for_end() == 1);
    CHECK(twice.errors().find("Address already in use") != std::string::npos);
}

TEST_CASE("who sends at once after connecting loses no byte", "[cluster][accepting]")
{
    auto const* const policy = GENERATE(values(policies));
    CAPTURE(policy);
    cluster it{ECHO, 2, {"--dispatch", policy}};
    auto const workers = it.workers();
    auto const everybody = [&](int signal) {
        it.process.signal(signal);
        for (auto const pid : workers)
            ::kill(pid, signal);
    };
    everybody(SIGSTOP); // so that all of it is here before anybody accepts
    struct visit
    {
        http_client client;
        std::string body;
    };
    std::vector<visit> visits;
    for (std::size_t i = 0; i < 12; ++i) {
        std::string body(32'000 + i, static_cast<char>('a' + i));
        visits.push_back({it.connect(), body});
        REQUIRE(visits.back().client.send(request_text("POST", "/", body)));
    }
    everybody(SIGCONT);
    for (auto& [client, body] : visits) {
        auto const answer = client.read();
        CHECK(answer.status == 200);
        CHECK(answer.body == body);
    }
}

TEST_CASE("a draining worker gets no new connection, whatever the policy", "[cluster][accepting]")
{
    auto const* const policy = GENERATE(values(policies));
    CAPTURE(policy);
    cluster it{SANDBOX, 2, {"--dispatch", policy, "--drain-deadline", "60m"}};
    auto first = it.connect();
    auto const leaving = worker_of(ask(first, "GET", "/healthz"));
    first.send(request_text("GET", "/slow?ms=3600000")); // it will drain as long as this lasts
    auto const ready = [&] {
        auto const log = it.process.errors();
        std::size_t count = 0;
        for (auto at = log.find(" is ready (pid "); at != log.npos;
             at = log.find(" is ready (pid ", at + 1))
            ++count;
        return count;
    };
    REQUIRE(ready() == 2);
    // The request has been read by the time that another one on a later connection is answered.
    CHECK(it.ask("GET", "/healthz").status == 200);
    ::kill(leaving, SIGTERM);
    REQUIRE(wait_until([&] { return ready() == 3; }));

    std::vector<http_client> clients;
    for (int i = 0; i < 60; ++i) {
        clients.push_back(it.connect());
        auto const answer = ask(clients.back(), "GET", "/healthz");
        CHECK(answer.status == 200);
        CHECK(worker_of(answer) != leaving);
    }
    CHECK_FALSE(is_gone(leaving));
    ::kill(leaving, SIGKILL);
    CHECK(wait_until([&] { return is_gone(leaving); }));
    for (auto& client : clients) // nobody else ends with it
        CHECK(ask(client, "GET", "/healthz").status == 200);
}

TEST_CASE("the connections of a worker that dies do not count any more", "[cluster][accepting]")
{
    cluster it{SANDBOX, 2, {"--dispatch", "least_loaded"}};
    std::map<pid_t, std::vector<http_client>> held;
    for (int i = 0; i < 20; ++i) {
        auto client = it.connect();
        auto const pid = worker_of(ask(client, "GET", "/healthz"));
        held[pid].push_back(std::move(client));
    }
    REQUIRE(held.size() == 2);
    auto const killed = held.begin()->first;
    auto const lives = held.rbegin()->first;
    REQUIRE(held[killed].size() == 10);
    ::kill(killed, SIGKILL);
    REQUIRE(wait_until([&] {
        auto const now = it.workers();
        return now.size() == 2 && std::find(now.begin(), now.end(), killed) == now.end();
    }));
    // Nobody knows how long the new one takes to be ready; from then on it is its turn.
    REQUIRE(wait_until([&] {
        auto client = it.connect();
        return worker_of(ask(client, "GET", "/healthz")) != lives;
    }));
    held.erase(killed);
    for (int i = 0; i < 8; ++i) {
        auto client = it.connect();
        auto const pid = worker_of(ask(client, "GET", "/healthz"));
        CHECK(pid != lives);
        held[pid].push_back(std::move(client));
    }
    CHECK(held.size() == 2);
}

} // namespace accepting_test
