// Workers that read nothing while everybody else changes the state and talks.
#include "cluster/cluster.hpp"
#include "support/campaign.hpp"
#include "support/usage.hpp"

#include <algorithm>
#include <csignal>
#include <string>

namespace deaf_workers_test {

using namespace covey::test;

TEST_CASE("a worker that does not read costs its master no more than its queue", "[fault]")
{
    constexpr std::size_t workers = 3;
    constexpr std::size_t mib = 1 << 20;
#ifdef __SANITIZE_ADDRESS__
    constexpr std::size_t redzones = 4; // around small frames
#else
    constexpr std::size_t redzones = 1;
#endif
    campaign run{"workers that do not read"};
    // What the sanitizer keeps of what was freed is not what is looked for.
    cluster it{SANDBOX,
               workers,
               {"--hang-timeout", "0s", "--log-level", "error"},
               {"ASAN_OPTIONS=quarantine_size_mb=0:thread_local_quarantine_size_kb=0"}};
    auto const master = it.process.pid();
    auto clients = it.one_on_each(workers);
    auto& speaker = clients[0];
    auto const deaf_pid = worker_of(ask(clients[1], "GET", "/healthz"));
    REQUIRE(ask(speaker, "GET", "/flood?rounds=20").status == 200); // all that is allocated once

    auto const before = private_memory(master);
    auto most = before;
    ::kill(deaf_pid, SIGSTOP);
    for (int left = times(10, 1'000); left > 0; --left) {
        run.expect(ask(speaker, "GET", "/flood?rounds=100").status == 200, "others talk on");
        most = std::max(most, private_memory(master));
        run.count("changes", 10'000);
        run.count("relayed changes", 2'000);
        run.count("messages to everybody", 2'000);
    }
    run.count("KiB more in the master", (most - before) >> 10);
    run.expect(most - before <= mib * redzones, "the master keeps more than its queue");
    ::kill(deaf_pid, SIGCONT);

    // It goes on from what there is now, not from a queue of what there has been. Connections of
    // their own: those that asked for nothing all the while may have been closed as idle.
    auto again = it.one_on_each(workers);
    for (auto& each : again)
        run.expect(wait_until([&] {
                       auto const text = ask(each, "GET", "/heard").body;
                       auto const gap = text.find(" of ");
                       return gap != text.npos && text.substr(0, gap) == text.substr(gap + 4);
                   }),
                   "every worker knows of the last change");
    run.expect(std::any_of(
                   again.begin(), again.end(),
                   [&](auto& each) { return worker_of(ask(each, "GET", "/healthz")) == deaf_pid; }),
               "it is the same worker");
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

} // namespace deaf_workers_test
