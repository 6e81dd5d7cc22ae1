// Processes that are stopped for a while: a worker, and the master.
#include "visitors.hpp"

#include <csignal>

namespace stops_test {

using namespace covey::test;
using namespace std::chrono_literals;

TEST_CASE("a stopped worker delays its own clients and nobody else", "[fault]")
{
    campaign run{"workers stopped"};
    cluster it{BOARD, 3, {"--log-level", "warning"}};
    for (int turn = 0; turn < times(5, 100); ++turn) {
        auto clients = it.one_on_each(3);
        auto const victim = worker_of(ask(clients[0], "GET", "/healthz"));
        ::kill(victim, SIGSTOP);
        clients[0].send(request_text("POST", "/scores/patient", "1"));
        victims nobody;
        {
            visitors load{it, nobody, 2}; // some of them wait on the stopped one
            auto const until = test_clock::now() + times(1s, 10s);
            for (std::int64_t asked = 0; test_clock::now() < until; ++asked) {
                auto& client = clients[1 + static_cast<std::size_t>(asked % 2)];
                run.expect(ask(client, "GET", "/scores/patient").status != 0, "others are served");
                run.expect(ask(client, "POST", "/scores/others", "1").status == 200,
                           "others write");
                run.count("requests of others", 2);
            }
            ::kill(victim, SIGCONT);
        }
        run.expect(clients[0].read().status == 200, "its own client is served afterwards");
        run.count("stops");
    }
    run.expect(std::stoll(it.ask("GET", "/scores/patient").body) == times(5, 100),
               "every patient request is counted once");
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

TEST_CASE("a stopped master delays new clients alone, and kills nobody when it goes on", "[fault]")
{
    campaign run{"masters stopped"};
    cluster it{BOARD, 3, {"--hang-timeout", "2s"}};
    auto const workers = it.workers();
    for (int turn = 0; turn < times(1, 20); ++turn) {
        auto clients = it.one_on_each(3);
        it.process.signal(SIGSTOP);
        auto const until = test_clock::now() + times(10s, 30s);
        while (test_clock::now() < until)
            for (auto& client : clients) {
                run.expect(ask(client, "POST", "/scores/all", "1").status == 200,
                           "clients are served while the master is stopped");
                run.count("requests");
            }
        auto late = it.connect(); // waits in the backlog
        late.send(request_text("GET", "/healthz"));
        it.process.signal(SIGCONT);
        run.expect(late.read().status == 200, "who came meanwhile is served");
        run.count("stops");
    }
    std::this_thread::sleep_for(3s); // longer than the watchdog would need to be wrong
    run.expect(it.workers() == workers, "no worker was killed");
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

} // namespace stops_test
