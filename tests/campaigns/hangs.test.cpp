// Workers that hang, each in its way; and workers that do not come up in time.
#include "askers.hpp"
#include "start_file.hpp"

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

namespace hangs_test {

using namespace covey::test;
using namespace std::chrono_literals;

namespace {

// The master's line about the end of the worker `pid`; empty as long as it has none.
std::string end_of(cluster const& it, pid_t pid)
{
    auto const log = it.process.errors();
    auto const ready = log.find("is ready (pid " + std::to_string(pid) + ")");
    if (ready == log.npos)
        return {};
    auto const id = log.rfind("worker ", ready);
    auto const gone = log.find(log.substr(id, log.find(' ', id + 7) - id) + " is gone", ready);
    return gone == log.npos ? std::string{} : log.substr(gone, log.find('\n', gone) - gone);
}

} // namespace

TEST_CASE("a worker that hangs is aborted or killed, and replaced, and nobody else notices",
          "[fault]")
{
    constexpr std::size_t workers = 4;
    campaign run{"workers that hang"};
    cluster it{SANDBOX, workers, {"--hang-timeout", "2s", "--restart-limit", "0/1s"}};
    for (int round = times(1, 15); round > 0; --round) {
        auto clients = it.one_on_each(workers);
        std::vector<pid_t> pids;
        for (auto& each : clients)
            pids.push_back(worker_of(ask(each, "GET", "/healthz")));
        clients[0].send(request_text("GET", "/spin"));  // computes
        clients[1].send(request_text("GET", "/never")); // waits in a system call
        ::kill(pids[2], SIGSTOP);                       // does not even get SIGABRT
        auto const all_ended = [&] {
            return std::all_of(pids.begin(), pids.begin() + 3,
                               [&](pid_t pid) { return !end_of(it, pid).empty(); });
        };
        run.expect(wait_until([&] {
                       run.expect(ask(clients[3], "GET", "/healthz").status == 200,
                                  "who does not hang answers");
                       std::this_thread::sleep_for(5ms); // the load's rhythm
                       return all_ended();
                   }),
                   "all three end");
        for (int i = 0; i < 3; ++i) {
            auto const end = end_of(it, pids[static_cast<std::size_t>(i)]);
            auto const* const signal = i == 2 ? "signal 9 (Killed)" : "signal 6 (Aborted)";
            run.expect(end.find(signal) != end.npos && end.find("it hung") != end.npos,
                       "the log says how and why: " + end);
            run.count("hangs");
        }
        run.expect(wait_until([&] { return it.workers().size() == workers; }), "three come");
        run.expect(worker_of(ask(clients[3], "GET", "/healthz")) == pids[3], "and one has stayed");
    }
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

TEST_CASE("a worker that does not come up in time is killed and tried again", "[fault]")
{
    campaign run{"workers that do not come up"};
    struct lateness
    {
        char const* word;
        char const* reason;
        std::vector<std::string> words;
    };
    auto const late =
        GENERATE(lateness{"silent", "it was not online in time", {}},
                 lateness{"hang", "it was not ready in time", {"--ready-timeout", "2500ms"}});
    start_file const start;
    auto flags = late.words;
    flags.insert(flags.end(), {"--restart-limit", "0/1s"}); // as many rounds as there are
    cluster it{SANDBOX, 2, flags, {start.variable(), "SANDBOX_BOOT_TIMEOUT=2500"}};
    for (int round = times(1, 20); round > 0; --round) {
        auto clients = it.one_on_each(2);
        start.begin(late.word);
        ::kill(worker_of(ask(clients[0], "GET", "/healthz")), SIGKILL);
        auto const told = it.times_logged(late.reason);
        run.expect(wait_until([&] { return it.times_logged(late.reason) > told; }), late.reason);
        run.expect(ask(clients[1], "GET", "/healthz").status == 200, "the other one serves");
        start.begin("well");
        clients.clear();
        run.count("replaced", it.one_on_each(2).size() - 1);
    }
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

} // namespace hangs_test
