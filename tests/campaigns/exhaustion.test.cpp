// Processes whose descriptor table is full.
#include "cluster/cluster.hpp"
#include "support/campaign.hpp"
#include "support/usage.hpp"

#include <chrono>
#include <csignal>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

namespace exhaustion_test {

using namespace covey::test;
using namespace std::chrono_literals;

namespace {

// The program with 64 descriptors for each of its processes, by the shell, which it replaces.
std::vector<std::string> in_64_descriptors(std::string const& path, std::string const& policy)
{
    return {"-c",     "ulimit -n 64; exec \"$0\" \"$@\"", path, "--dispatch", policy, "--log-level",
            "warning"};
}

std::map<pid_t, std::size_t> descriptors_of(std::vector<pid_t> const& processes)
{
    std::map<pid_t, std::size_t> out;
    for (auto const pid : processes)
        out[pid] = descriptor_count(pid);
    return out;
}

} // namespace

TEST_CASE("a cluster out of descriptors waits without computing, and recovers", "[fault]")
{
    std::string const policy = GENERATE("shared", "least_loaded");
    campaign run{"descriptors exhausted, " + policy};
    cluster it{"/bin/sh", 2, in_64_descriptors(BOARD, policy)};
    auto processes = it.workers();
    processes.push_back(it.process.pid());
    it.one_on_each(2); // whatever is opened at the first request
    auto const settled = [&](std::map<pid_t, std::size_t> const& wanted) {
        return wait_until([&] { return descriptors_of(processes) == wanted; });
    };
    std::map<pid_t, std::size_t> before;
    REQUIRE(wait_until([&] { // the connections of one_on_each are gone
        before = descriptors_of(processes);
        std::this_thread::sleep_for(50ms);
        return descriptors_of(processes) == before;
    }));

    for (int round = times(1, 5); round > 0; --round) {
        std::vector<http_client> clients;
        for (int i = 0; i < 500; ++i) {
            clients.push_back(it.connect());
            clients.back().send(request_text("GET", "/healthz"));
        }
        run.count("clients", clients.size());
        std::this_thread::sleep_for(300ms); // until all of it has arrived
        auto const began = std::chrono::steady_clock::now();
        std::map<pid_t, std::chrono::milliseconds> used;
        for (auto const pid : processes)
            used[pid] = cpu_time(pid);
        std::this_thread::sleep_for(times(1'500ms, 60'000ms)); // what is measured
        auto const lasted = std::chrono::steady_clock::now() - began;
        for (auto const pid : processes) {
            auto const share = (cpu_time(pid) - used[pid]) * 100 / lasted;
            run.count(pid == it.process.pid() ? "% of a core by the master"
                                              : "% of a core by workers",
                      static_cast<std::size_t>(share));
            run.expect(share < 30, "it computes while it waits for descriptors");
        }
        run.expect(it.workers().size() == 2, "nobody died of it");
        clients.clear();
        auto const freed = std::chrono::steady_clock::now();
        run.expect(it.ask("GET", "/healthz").status == 200, "who comes afterwards is served");
        run.count("ms until then",
                  static_cast<std::size_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::steady_clock::now() - freed)
                                               .count()));
        run.expect(settled(before), "no descriptor has leaked");
    }
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

} // namespace exhaustion_test
