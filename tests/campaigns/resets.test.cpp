// Clients that go away in every rude way there is.
#include "cluster/cluster.hpp"
#include "support/campaign.hpp"
#include "support/descriptor_count.hpp"

#include <csignal>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace resets_test {

using namespace covey::test;

TEST_CASE("clients that reset their connections cost nobody anything", "[fault]")
{
    std::string const policy = GENERATE("shared", "least_loaded", "reuseport");
    campaign run{"resets, " + policy};
    auto random = run.random();
    cluster it{BOARD, 2, {"--dispatch", policy, "--log-level", "warning"}};
    auto const workers = it.workers();
    auto friendly = it.one_on_each(2);
    std::map<pid_t, std::size_t> before;
    for (auto const pid : workers)
        before[pid] = descriptor_count(pid);
    auto const master = descriptor_count(it.process.pid());
    auto const half = request_text("PUT", "/scores/half", std::string(1'000, '1'));

    auto const serve_the_others = [&] {
        for (auto& each : friendly)
            run.expect(ask(each, "GET", "/healthz").status == 200, "the others are served");
    };
    for (int left = times(3'000, 300'000); left > 0; --left) {
        if (left % 1'000 == 0)
            serve_the_others();
        auto client = it.connect();
        switch (random() % 8) {
        case 0: // in the middle of a body
            client.send(std::string_view{half}.substr(0, half.size() - 500));
            client.abort();
            run.count("resets in a body");
            break;
        case 1: // with an answer on its way
            client.send(request_text("GET", "/"));
            client.abort();
            run.count("resets of an answer");
            break;
        case 2: // no reset: it has asked all it wants to know
            client.send(request_text("GET", "/healthz"));
            client.end_sending();
            run.expect(client.read().status == 200, "who has half-closed is answered");
            run.expect(client.at_end() && !client.was_reset(), "and then the connection ends");
            run.count("half-closes");
            break;
        default: // before it has been accepted, mostly
            client.abort();
            run.count("resets at once");
            break;
        }
    }
    serve_the_others();
    run.expect(it.workers() == workers, "no worker died of it");
    run.expect(it.ask("GET", "/scores/half").status == 404, "half a body changes nothing");
    for (auto const pid : workers)
        run.expect(wait_until([&] { return descriptor_count(pid) == before[pid]; }),
                   "a worker has as many descriptors as before");
    run.expect(wait_until([&] { return descriptor_count(it.process.pid()) == master; }),
               "the master has as many descriptors as before");
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

} // namespace resets_test
