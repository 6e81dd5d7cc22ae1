// A cluster that nobody asks anything of: no process of it makes a system call.
#include "cluster/cluster.hpp"
#include "support/campaign.hpp"
#include "support/injection.hpp"

#include <csignal>
#include <fstream>
#include <optional>

namespace idle_test {

using namespace covey::test;
using namespace std::chrono_literals;

namespace {

pid_t tracer_of(pid_t pid)
{
    std::ifstream in{"/proc/" + std::to_string(pid) + "/status"};
    for (std::string line; std::getline(in, line);)
        if (line.starts_with("TracerPid:"))
            return static_cast<pid_t>(std::stol(line.substr(10)));
    return 0;
}

// strace at processes that run already; what they call comes to its standard error.
class onlooker
{
  public:
    explicit onlooker(std::vector<pid_t> const& at)
        : strace_{"/usr/bin/strace", words(at)}
    {
        attached_ =
            wait_until([&] {
                return !strace_.is_running() || std::all_of(at.begin(), at.end(), [&](pid_t one) {
                    return tracer_of(one) == strace_.pid();
                });
            }) &&
            strace_.is_running();
    }
    bool is_attached() const { return attached_; }
    std::string seen() const { return strace_.errors(); }

    // Lets them go.
    void leave()
    {
        strace_.signal(SIGINT);
        strace_.wait_for_end();
    }

  private:
    static std::vector<std::string> words(std::vector<pid_t> const& at)
    {
        std::vector<std::string> out{"-qq", "-f"};
        for (auto const one : at) {
            out.emplace_back("-p");
            out.push_back(std::to_string(one));
        }
        return out;
    }
    program strace_;
    bool attached_ = false;
};

} // namespace

TEST_CASE("an idle cluster whose workers subscribe makes no system call", "[fault]")
{
    if (!injected::is_possible()) {
        WARN("strace may not trace here: not tested");
        return;
    }
    campaign run{"idle clusters"};
    cluster it{BOARD, 2, {"--log-level", "warning"}}; // its workers subscribe to all scores
    auto processes = it.workers();
    REQUIRE(processes.size() == 2);
    processes.push_back(it.process.pid());
    CHECK(it.ask("PUT", "/scores/anna", "1").status == 204); // they have been at work
    onlooker trace{processes};
    if (!trace.is_attached()) {
        WARN("strace may not look at other processes here: not tested");
        return;
    }
    // Being looked at wakes them; the last connection's end, too.
    auto before = trace.seen();
    REQUIRE(wait_until([&] {
        std::this_thread::sleep_for(2s);
        return std::exchange(before, trace.seen()) == before;
    }));
    auto const idle = times(10s, 600s);
    std::this_thread::sleep_for(idle);
    auto const after = trace.seen();
    INFO(after.substr(std::min(before.size(), after.size())));
    run.expect(after == before, "an idle cluster makes a system call");
    run.count("seconds", static_cast<std::size_t>(idle.count()));

    CHECK(it.ask("PUT", "/scores/anna", "2").status == 204);
    run.expect(wait_until([&] { return trace.seen() != after; }), "whoever is at work is seen");
    trace.leave();
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

} // namespace idle_test
