// Deaths under load: of workers, and of the master.
#include "visitors.hpp"

#include <csignal>
#include <random>

namespace deaths_test {

using namespace covey::test;
using namespace std::chrono_literals;

TEST_CASE("killing a worker every 200 ms loses nothing that was acknowledged", "[fault]")
{
    constexpr auto between_kills = 200ms;
    campaign run{"workers killed under load"};
    auto random = run.random();
    // Where starting takes longer than the kills' rhythm lives are short, and credit runs out:
    // giving up is not what is asked here.
    cluster it{BOARD, 4, {"--log-level", "warning", "--restart-limit", "0/1s"}};
    auto const master = it.process.pid();
    // Before the first connection: the master keeps one until its worker has acknowledged it.
    auto const descriptors = descriptor_count(master);

    victims killed;
    visitors load{it, killed, 64};
    for (int kill = 0; kill < times(50, 2'000); ++kill) {
        std::this_thread::sleep_for(between_kills); // the load's rhythm, not a wait
        // Who has answered: a worker that is killed before it is ready is a failed start, and the
        // next one rightly waits.
        std::vector<pid_t> ready;
        REQUIRE(wait_until([&] {
            ready = load.served_by();
            std::erase_if(ready, is_gone);
            return !ready.empty();
        }));
        killed.kill(ready[random() % ready.size()]);
    }
    std::this_thread::sleep_for(between_kills);
    run.count("kills", killed.count());
    load.leave_and_compare(run);

    // The master is as it was: four workers, none of them dead, and not one descriptor more.
    run.expect(wait_until([&] {
                   auto const children = children_of(master);
                   return children.size() == 4 &&
                          std::none_of(children.begin(), children.end(), is_zombie);
               }),
               "four workers run and none is a zombie");
    run.expect(wait_until([&] { return descriptor_count(master) == descriptors; }),
               "the master has as many descriptors as before");
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

TEST_CASE("a killed master leaves no process and no port behind", "[fault]")
{
    campaign run{"masters killed"};
    auto random = run.random();
    for (int death = 0; death < times(10, 200); ++death) {
        cluster it{SANDBOX, 3, {"--log-level", "warning"}};
        auto const workers = it.workers();
        // One computes for ever, one is stopped, one has nothing to do, in changing order.
        auto clients = it.one_on_each(3);
        auto const busy = random() % 3;
        auto const stopped = (busy + 1 + random() % 2) % 3;
        auto const to_stop = worker_of(ask(clients[stopped], "GET", "/healthz"));
        clients[busy].send(request_text("GET", "/spin"));
        ::kill(to_stop, SIGSTOP);
        it.process.signal(SIGKILL);
        run.expect(it.process.wait_for_end() == -SIGKILL, "the master is dead");
        for (auto const pid : workers)
            run.expect(wait_until([&] { return is_gone(pid); }, 5s), "a worker is gone in 5 s");
        CHECK_THROWS(http_client::to_port(it.port));
        run.count("masters");
        run.count("workers", workers.size());
    }
}

} // namespace deaths_test
