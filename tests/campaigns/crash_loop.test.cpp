// Workers that die as often as they are started.
#include "askers.hpp"
#include "start_file.hpp"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

namespace crash_loop_test {

using namespace covey::test;
using namespace std::chrono_literals;

TEST_CASE("workers that die at their start are given up, and the others serve on", "[fault]")
{
    campaign run{"crash loops"};
    auto const dying = times<std::size_t>(5, 20);
    auto const limit = times<std::size_t>(20, 200);
    start_file const start;
    cluster it{SANDBOX,
               static_cast<std::uint32_t>(dying + 1),
               {"--restart-limit", std::to_string(limit) + "/10m"},
               {start.variable()}};
    auto clients = it.one_on_each(dying + 1);
    auto survivor = std::move(clients.back());
    auto const survivor_pid = worker_of(ask(survivor, "GET", "/healthz"));
    start.begin("die");
    auto const began = std::chrono::steady_clock::now();
    for (auto const pid : it.workers())
        if (pid != survivor_pid)
            ::kill(pid, SIGKILL);
    auto const given_up = [&] { return it.has_logged("no worker is started any more"); };
    run.expect(wait_until(
                   [&] {
                       run.expect(ask(survivor, "GET", "/healthz").status == 200,
                                  "who is left serves its client");
                       run.expect(it.ask("GET", "/healthz").status == 200, "and whoever comes");
                       run.count("requests answered", 2);
                       std::this_thread::sleep_for(5ms); // the load's rhythm
                       return given_up();
                   },
                   times(30s, 300s)),
               "restarting is given up");
    auto const lasted = std::chrono::steady_clock::now() - began;

    // Of so many failures one seat has had its share at least, and has waited before each next
    // one: 100 ms, twice as long each time, 10 s at the most, a quarter less at the most.
    auto waited = 0ms;
    auto wait = 100ms;
    for (auto failures = (limit + dying) / dying; failures > 1; --failures) {
        waited += wait * 3 / 4;
        wait = std::min<std::chrono::milliseconds>(wait * 2, 10s);
    }
    run.count("ms until given up",
              static_cast<std::size_t>(
                  std::chrono::duration_cast<std::chrono::milliseconds>(lasted).count()));
    run.expect(lasted >= waited, "each failure waits longer than the one before");

    run.expect(it.has_logged("after more than " + std::to_string(limit) + " failures"),
               "the log says how many failures there were");
    run.expect(it.has_logged("exit code 3"), "how they ended");
    run.expect(it.has_logged("bailing out"), "and what they said last");
    // Those that were on their way when it was given up die too.
    run.expect(wait_until([&] { return it.workers() == std::vector<pid_t>{survivor_pid}; }),
               "nobody is started any more");
    run.count("failed starts", it.times_logged(" is gone: exit code 3"));
    run.expect(it.times_logged("no worker is started any more") == 1, "it is given up once");

    start.begin("well");
    it.process.signal(SIGHUP);
    run.expect(
        wait_until([&] { return it.workers().size() == dying + 1 && it.has_logged(" serves"); }),
        "a reload of the mended program brings all back");
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

} // namespace crash_loop_test
