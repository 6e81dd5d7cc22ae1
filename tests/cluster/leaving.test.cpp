// A worker that leaves under load by itself: its clients notice a "Connection: close" and no more.
#include "cluster.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

namespace leaving_test {

using namespace covey::test;

TEST_CASE("workers that leave under load one after another lose no request", "[cluster][leaving]")
{
    auto const* const policy = GENERATE("shared", "round_robin", "least_loaded", "reuseport");
    CAPTURE(policy);
    constexpr std::size_t workers = 3;
    constexpr std::size_t count = 12;
    cluster it{BOARD, workers, {"--dispatch", policy}};
    std::vector<std::atomic<int>> answered(count);
    std::atomic<int> lost{0};
    std::atomic<bool> over{false};
    std::vector<std::thread> clients;
    for (auto& mine : answered)
        clients.emplace_back([&] {
            while (!over) {
                auto client = it.connect();
                for (bool last = false; !last && !over;) {
                    auto const answer = ask(client, "GET", "/visits");
                    answer.status == 200 ? ++mine : ++lost;
                    last = answer.status != 200 || answer.header("Connection") == "close";
                }
            }
        });
    auto const all_go_on = [&] {
        std::vector<int> before(answered.begin(), answered.end());
        return wait_until([&] {
            for (std::size_t i = 0; i < count; ++i)
                if (answered[i] < before[i] + 20)
                    return false;
            return true;
        });
    };
    CHECK(all_go_on());
    for (auto const pid : it.workers()) {
        ::kill(pid, SIGTERM);
        CHECK(wait_until([&] { return is_gone(pid); }));
        CHECK(wait_until([&] { return it.workers().size() == workers; }));
        CHECK(all_go_on());
    }
    over = true;
    for (auto& one : clients)
        one.join();
    CHECK(lost == 0);
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
}

} // namespace leaving_test
