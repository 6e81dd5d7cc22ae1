// Campaigns of handlers that end their worker: only that worker goes, and what it serves goes on.
#include "cluster/cluster.hpp"
#include "support/campaign.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

namespace crashes_test {

using namespace covey::test;
using namespace std::chrono_literals;

namespace {

// The program whose restarts are never given up, so that a campaign may be as long as it likes.
struct crashing_cluster : cluster
{
    explicit crashing_cluster(std::uint32_t workers)
        : cluster{SANDBOX, workers, {"--restart-limit", "0/1s", "--log-level", "error"}}
    {}
};

} // namespace

TEST_CASE("a handler that ends its worker ends no other", "[fault][crash-campaign]")
{
    auto const* const how = GENERATE("segv", "abort", "overflow", "exit", "throw");
    constexpr std::size_t workers = 3;
    campaign run{std::string{"handlers that crash by "} + how};
    auto random = run.random();
    crashing_cluster it{workers};
    for (int i = times(5, 100); i > 0; --i) {
        auto clients = it.one_on_each(workers);
        std::vector<pid_t> pids;
        for (auto& each : clients)
            pids.push_back(worker_of(ask(each, "GET", "/healthz")));
        auto const victim = static_cast<std::size_t>(random() % workers);
        clients[victim].send(request_text("GET", std::string{"/crash?by="} + how));
        // Who throws into the loop has answered, and finishes; the others are gone in the middle.
        auto const answer = clients[victim].read();
        run.expect(answer.status == (std::string_view{how} == "throw" ? 200U : 0U),
                   "the victim's client sees what became of it");
        clients[victim].close();
        REQUIRE(wait_until([&] { return is_gone(pids[victim]); }));
        run.count("crashes");
        for (std::size_t other = 0; other < workers; ++other)
            if (other != victim)
                run.expect(worker_of(ask(clients[other], "GET", "/healthz")) == pids[other],
                           "another worker goes on with its connection");
        run.expect(wait_until([&] { return it.workers().size() == workers; }),
                   "the worker is replaced");
    }
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops in good order");
}

// One poison request each 200 ms, as in the campaign of kills: a worker that dies takes the
// connections that it holds with it, so what part of all requests that is depends on the pace, and
// at one poison request after another it is several in a hundred. What does not depend on it: no
// request fails that another worker had.
TEST_CASE("a request that kills whoever answers it costs the others nothing",
          "[fault][crash-campaign]")
{
    campaign run{"a poison request repeated"};
    crashing_cluster it{4};
    std::atomic<bool> over{false};
    std::atomic<std::size_t> answered{0};
    std::atomic<std::size_t> failed{0};
    std::atomic<std::size_t> unexplained{0};
    std::vector<std::thread> others;
    for (int i = 0; i < 8; ++i)
        others.emplace_back([&] {
            while (!over) {
                auto client = it.connect();
                pid_t worker = 0;
                for (int asked = 0; asked < 50 && !over; ++asked) {
                    auto const answer = ask(client, "GET", "/healthz");
                    if (answer.status != 200) {
                        ++failed;
                        if (worker != 0 && !wait_until([&] { return is_gone(worker); }, 2s))
                            ++unexplained;
                        break;
                    }
                    worker = worker_of(answer);
                    ++answered;
                }
            }
        });
    for (int i = times(100, 1'000); i > 0; --i) {
        auto poison = it.connect();
        poison.send(request_text("GET", "/crash?by=abort"));
        run.expect(poison.read().status == 0, "the poison is not answered");
        run.count("poison requests");
        run.expect(!it.workers().empty(), "some worker is alive");
        std::this_thread::sleep_for(200ms);
    }
    over = true;
    for (auto& each : others)
        each.join();
    run.count("answered", answered);
    run.count("failed", failed);
    run.expect(unexplained == 0, "a request fails with its worker only");
    run.expect(answered > 0 && failed * 100 <= answered + failed, "at least 99 % are answered");
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops in good order");
}

} // namespace crashes_test
