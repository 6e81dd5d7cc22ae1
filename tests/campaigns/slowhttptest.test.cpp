// slowhttptest, the tool that people hold against their servers, in its three slow forms against a
// cluster. tests/fault/slow_clients.test.cpp has what its own clients cannot show.
#include "cluster/cluster.hpp"

#include "support/campaign.hpp"
#include "support/exposition_reader.hpp"
#include "support/installed.hpp"

#include <string>
#include <vector>

namespace slowhttptest_test {

using namespace covey::test;

namespace {

struct attack
{
    std::string form;
    std::string target;
    std::vector<std::string> limits; // one of which each connection comes to
    // A slow reader has still to read what came before the end that it is told.
    bool sees_its_end = true;
};

double hits(http_client& client, attack const& by)
{
    exposition_reader const page{ask(client, "GET", "/metrics").body};
    double sum = 0;
    for (auto const& limit : by.limits)
        sum += page.value("covey_limit_hits_total", {{"limit", limit}});
    return sum;
}

} // namespace

TEST_CASE("slowhttptest's clients are sent away and counted, and others are served meanwhile",
          "[fault]")
{
    auto const tool = installed("slowhttptest");
    if (!tool)
        return;
    campaign run{"slowhttptest"};
    {
        auto const connections = times<std::size_t>(200, 1'000);
        auto const patience = std::to_string(times(2'000, 10'000));
        auto const seconds = std::to_string(times(15, 60));
        cluster const it{SANDBOX, 2, {}, {"SANDBOX_PATIENCE=" + patience}};
        auto const most = static_cast<double>(connections);
        auto const workers = it.workers();
        auto healthy = it.connect();
        for (auto const& each : {attack{"-H", "/greeting", {"head_time"}},
                                 attack{"-B", "/take", {"body_time", "body_rate"}},
                                 attack{"-X", "/endless", {"write_time"}, false}}) {
            auto const count = std::to_string(connections);
            INFO(each.form);
            program slow{*tool,
                         {each.form, "-c", count, "-r", count, "-i", "1", "-l", seconds, "-p", "3",
                          "-u", "http://127.0.0.1:" + std::to_string(it.port) + each.target}};
            // It stops at its time, or when all of its connections have been closed.
            while (slow.is_running() && (each.sees_its_end || hits(healthy, each) < most)) {
                auto const answer = ask(healthy, "GET", "/greeting");
                if (answer.status != 200)
                    FAIL("a healthy client is not served: " << it.process.errors());
                run.count("healthy requests");
            }
            INFO(slow.output());
            if (each.sees_its_end)
                run.expect(slow.output().find("No open connections left") != std::string::npos,
                           "all of its connections were closed");
            auto const met = static_cast<std::size_t>(hits(healthy, each));
            run.expect(met >= connections * 9 / 10, "each for what it did");
            run.count("sent away by " + each.form, met);
        }
        run.expect(it.workers() == workers, "and no worker has gone for it");
    }
    run.expect_descriptors_back();
}

} // namespace slowhttptest_test
