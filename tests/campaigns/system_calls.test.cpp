// System calls that fail: every process interrupted a thousand times a second, and the Nth call of
// a kind refused, for every N, while a cluster starts (strace's fault injection, on the real
// kernel).
#include "support/injection.hpp"
#include "visitors.hpp"

#include <csignal>

namespace system_calls_test {

using namespace covey::test;
using namespace std::chrono_literals;

TEST_CASE("interrupted system calls are errors for nobody", "[fault]")
{
    campaign run{"interruptions"};
    cluster it{BOARD,
               2,
               {"--log-level", "warning"},
               {"LD_PRELOAD=" STORM, "ASAN_OPTIONS=verify_asan_link_order=0"}};
    victims nobody;
    visitors load{it, nobody, 16};
    std::this_thread::sleep_for(times(10s, 600s));
    run.count("requests answered", static_cast<std::size_t>(load.answered()));
    run.expect(load.answered() > 0, "requests are answered");
    load.leave_and_compare(run);
    it.process.signal(SIGTERM);
    run.expect(it.process.wait_for_end() == 0, "the cluster stops");
}

namespace {

// Whether it ends of itself with exit code 0; ended by force if not.
bool stops(injected& it)
{
    ::kill(it.traced(), SIGTERM);
    bool const ended = wait_until([&] { return !it.is_running(); });
    if (!ended)
        ::kill(it.traced(), SIGKILL);
    return it.wait_for_end() == 0 && ended;
}

struct refusal
{
    char const* call;
    char const* error;
};

} // namespace

TEST_CASE("a start in which a system call fails ends cleanly or serves", "[fault]")
{
    if (!injected::is_possible()) {
        WARN("strace may not trace here: not tested");
        return;
    }
    campaign run{"refused system calls"};
    for (auto const& [call, error] : {refusal{"clone,clone3,fork,vfork", "EAGAIN"},
                                      {"socketpair", "EMFILE"},
                                      {"memfd_create", "ENFILE"},
                                      {"fallocate", "ENOSPC"},
                                      {"eventfd2", "EMFILE"},
                                      {"epoll_ctl", "ENOSPC"},
                                      {"pipe2", "EMFILE"},
                                      {"sendmsg", "ENOBUFS"},
                                      {"accept4", "EMFILE"},
                                      {"pidfd_open", "EMFILE"}})
        for (int n = 1; n <= times(6, 100); ++n) {
            // Only the master is traced: workers are stopped and started by it.
            injected it{call,
                        std::string{"error="} + error + ":when=" + std::to_string(n),
                        HELLO,
                        {"--listen", "127.0.0.1:0", "--workers", "2", "--log-level", "off"},
                        tracing::alone};
            bool const decided = wait_until([&] {
                return !it.is_running() || it.output().find("ready on") != std::string::npos;
            });
            run.expect(decided, std::string{call} + " refused: it neither serves nor ends");
            if (it.is_running()) {
                auto const line = it.output();
                auto const at = line.find("127.0.0.1:");
                auto client = http_client::to_port(
                    static_cast<std::uint16_t>(std::stoul(line.substr(at + 10))));
                run.expect(ask(client, "GET", "/").status == 200,
                           std::string{call} + " refused: it is ready and does not serve");
                client.close(); // a draining worker waits for that
                REQUIRE(it.traced() != 0);
                run.expect(stops(it), std::string{call} + " refused: it does not stop");
                run.count("served");
            } else {
                auto const errors = it.errors();
                run.expect(it.wait_for_end() == 1 && errors.starts_with("covey: ") &&
                               std::count(errors.begin(), errors.end(), '\n') == 1,
                           std::string{call} + " refused: it ends with \"" + errors + "\"");
                run.count("ended with one line");
            }
        }
}

} // namespace system_calls_test
