// Workers that are replaced because they have worked enough: by requests, by memory, by age.
#include "askers.hpp"
#include "master_log.hpp"
#include "support/usage.hpp"

#include <csignal>
#include <string>
#include <vector>

namespace recycling_test {

using namespace covey::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t workers = 3;
constexpr std::size_t mib = 1 << 20;

// What a worker uses when it starts; with the sanitizers that is a lot.
std::size_t usual_mib()
{
    cluster const it{SANDBOX, 1};
    CHECK(it.ask("GET", "/healthz").status == 200);
    return resident_memory(it.workers().front()) / mib;
}

} // namespace

TEST_CASE("worn workers are replaced one at a time and no request is lost", "[fault]")
{
    std::string const why = GENERATE("requests", "memory", "age");
    campaign run{"workers worn by " + why};
    // Its own limit is up to a tenth below: still above what it starts with.
    auto const usual = why == "memory" ? usual_mib() : 0;
    auto const limit = why == "requests" ? "500"
                       : why == "age"    ? "500ms"
                                         : std::to_string(usual * 5 / 4 + 32) + "MiB";
    auto const grow = "/grow?mib=" + std::to_string(usual / 2 + 64);
    // A short hang timeout has them looked at often.
    cluster it{SANDBOX,
               workers,
               {"--recycle-" + why, limit, "--hang-timeout", "4s", "--log-level", "debug"}};
    askers busy{it, 4, "/healthz", 0ms};
    askers idling{it, 8, "/healthz", 20ms};
    auto const wanted = static_cast<std::size_t>(times(6, 200));
    std::size_t replaced = 0;
    run.expect(wait_until(
                   [&] {
                       if (why == "memory")
                           it.ask("GET", grow);
                       replaced = master_log{it.process.errors(), workers}.replacements;
                       std::this_thread::sleep_for(20ms);
                       return replaced >= wanted;
                   },
                   times(30s, 600s)),
               "workers are replaced");
    run.count("replacements", replaced);
    run.expect(busy.all_go_on() && idling.all_go_on(), "everybody is served afterwards");
    busy.leave(run);
    idling.leave(run);
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
    auto const log = it.process.errors();
    master_log const told{log.substr(0, log.find("SIGTERM received")), workers};
    run.expect(told.fewest_ready >= workers, "a replacement is ready before who is replaced goes");
    run.expect(told.most_starting <= 1, "one is started at a time");
}

} // namespace recycling_test
