// What a whole cluster says of itself: metrics from any worker, one access log of all.
#include "cluster.hpp"

#include "support/exposition_reader.hpp"
#include "support/scratch_folder.hpp"

#include <csignal>
#include <set>
#include <sstream>
#include <string>

namespace observing_test {

using namespace covey::test;
using labels = exposition_reader::labels;

TEST_CASE("any worker's metrics are the cluster's, and a killed worker's counts stay",
          "[cluster][metrics]")
{
    cluster it{SANDBOX, 2};
    labels const good{{"method", "GET"}, {"code", "200"}};
    auto clients = it.one_on_each(2);
    auto const page = [&](http_client& from) {
        return exposition_reader{ask(from, "GET", "/metrics").body};
    };
    auto const before = page(clients[0]).value("covey_http_requests_total", good);
    for (int i = 0; i != 10; ++i)
        for (auto& client : clients)
            ask(client, "GET", "/greeting");
    // Each page counts those before it, whoever made them.
    CHECK(page(clients[0]).value("covey_http_requests_total", good) == before + 21);
    CHECK(page(clients[1]).value("covey_http_requests_total", good) == before + 22);
    CHECK(page(clients[1]).value("covey_http_connections", {{"state", "idle"}}) >= 1);

    auto const seat = ask(clients[0], "GET", "/healthz").header("X-Seat");
    ::kill(worker_of(ask(clients[0], "GET", "/healthz")), SIGKILL);
    REQUIRE(wait_until([&] { return it.has_logged("worker 3 is ready"); }));
    auto const after = page(clients[1]);
    CHECK(after.value("covey_http_requests_total", good) == before + 26);
    CHECK(after.value("covey_worker_restarts_total", {{"slot", seat}, {"reason", "signal"}}) == 1);
    for (auto const* slot : {"0", "1"})
        CHECK(after.value("covey_worker_up", {{"slot", slot}}) == 1);
}

TEST_CASE("what master and workers say to each other is counted, and what becomes of connections",
          "[cluster][metrics]")
{
    cluster it{SANDBOX, 2, {"--dispatch", "round_robin"}};
    auto clients = it.one_on_each(2);
    auto const page = [&] { return exposition_reader{ask(clients[1], "GET", "/metrics").body}; };
    auto const frames = [](exposition_reader const& from, auto const* way, auto const* type) {
        return from.value("covey_ipc_frames_total", {{"dir", way}, {"type", type}});
    };
    auto const handed = [](exposition_reader const& from, auto const* result) {
        return from.value("covey_fd_handoffs_total", {{"result", result}});
    };
    auto const before = page();
    CHECK(frames(before, "from_worker", "hello") == 2);
    CHECK(frames(before, "from_worker", "ready") == 2);
    CHECK(frames(before, "to_worker", "welcome") == 2);
    CHECK(frames(before, "to_worker", "connection") >= 2);
    CHECK(frames(before, "from_worker", "accepted") >= 2);
    CHECK(handed(before, "accepted") >= 2);
    CHECK(before.sum("covey_ipc_bad_frames_total") == 0);

    // A connection whose worker never comes round to it goes to the other one.
    auto const victim = worker_of(ask(clients[0], "GET", "/healthz"));
    ::kill(victim, SIGSTOP);
    REQUIRE(wait_until([&] { return is_stopped(victim); }));
    std::vector<http_client> more;
    for (int i = 0; i != 2; ++i)
        more.push_back(it.connect());
    REQUIRE(wait_until([&] { return handed(page(), "accepted") > handed(before, "accepted"); }));
    ::kill(victim, SIGKILL);
    CHECK(wait_until([&] { return handed(page(), "returned") == 1; }));
    for (auto& client : more)
        CHECK(ask(client, "GET", "/greeting").status == 200);
    CHECK(page().sum("covey_ipc_bad_frames_total") == 0);
}

TEST_CASE("workers write one access log, each line whole, and follow it where it is moved",
          "[cluster][access_log]")
{
    scratch_folder const here;
    auto const file = here / "access.log";
    cluster it{SANDBOX, 2, {"--access-log", file, "--log-format", "json"}};
    auto clients = it.one_on_each(2);
    auto const seats_in = [](std::string const& text) {
        std::set<std::string> out;
        std::istringstream in{text};
        for (std::string line; std::getline(in, line);) {
            CHECK(line.starts_with("{\"time\":\""));
            CHECK(line.ends_with("\"}"));
            auto const at = line.find("\"seat\":");
            REQUIRE(at != line.npos);
            out.insert(line.substr(at, 8));
        }
        return out;
    };
    CHECK(wait_until([&] { return seats_in(text_of(file)).size() == 2; }));
    std::filesystem::rename(file, here / "access.log.1");
    CHECK(wait_until([&] {
        for (auto& client : clients)
            ask(client, "GET", "/greeting");
        return seats_in(text_of(file)).size() == 2;
    }));
}

TEST_CASE("an access log that cannot be opened keeps the cluster from starting, and says why",
          "[cluster][access_log]")
{
    program process{SANDBOX,
                    {"--listen", "127.0.0.1:0", "--workers", "1", "--access-log", "/no/such/file"},
                    {}};
    CHECK(wait_until([&] { return !process.is_running(); }));
    CHECK(process.errors().find("open the access log /no/such/file: No such file") !=
          std::string::npos);
}

} // namespace observing_test
