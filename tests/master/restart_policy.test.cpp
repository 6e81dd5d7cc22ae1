#include <covey/master/restart_policy.hpp>

#include "support/catch.hpp"

#include <vector>

namespace restart_policy_test {

using namespace covey::supervision;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

past_life const crash{true, 60s, std::nullopt};
past_life const never_ready{false, 0ms, 1};

} // namespace

TEST_CASE("a worker that had been ready is replaced at once", "[master][restart]")
{
    restart_history history;
    CHECK(history.after(crash, 0.5) == 0ms);
    CHECK(history.after({true, 5s, 0}, 0.5) == 0ms);
    CHECK(history.failures() == 0);
}

TEST_CASE("a worker that dies before it is ready waits twice as long every time, to 10 seconds",
          "[master][restart]")
{
    restart_history history;
    std::vector<milliseconds> waits;
    for (int i = 0; i < 9; ++i)
        waits.push_back(*history.after(never_ready, 0.0));
    CHECK(waits == std::vector<milliseconds>{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms,
                                             10'000ms, 10'000ms});
    for (int i = 0; i < 100; ++i)
        CHECK(history.after(never_ready, 0.0) == 10'000ms);
    CHECK(history.failures() == 109);
}

TEST_CASE("jitter takes up to a quarter off a wait and adds nothing", "[master][restart]")
{
    for (double random : {0.0, 0.25, 0.5, 0.999}) {
        restart_history history;
        auto const wait = *history.after(never_ready, random);
        CHECK(wait <= 100ms);
        CHECK(wait >= 75ms);
    }
}

TEST_CASE("having been ready begins the back-off anew", "[master][restart]")
{
    restart_history history;
    for (int i = 0; i < 5; ++i)
        history.after(never_ready, 0.0);
    CHECK(history.after({true, 1s, std::nullopt}, 0.0) == 0ms);
    CHECK(history.after(never_ready, 0.0) == 100ms);
}

TEST_CASE("exit code 78 is never started again, ready or not", "[master][restart]")
{
    restart_history history;
    CHECK(history.after({false, 0ms, 78}, 0.0) == std::nullopt);
    CHECK(history.after({true, 60s, 78}, 0.0) == std::nullopt);
}

TEST_CASE("exit code 75 waits though the worker had been ready", "[master][restart]")
{
    restart_history history;
    CHECK(history.after({true, 10s, 75}, 0.0) == 100ms);
    CHECK(history.after({true, 10s, 75}, 0.0) == 200ms);
}

TEST_CASE("fifty kills in ten seconds are all replaced at once", "[master][restart]")
{
    SECTION("one after the other, in one seat")
    {
        restart_history history;
        for (int i = 0; i < 50; ++i)
            CHECK(history.after({true, 150ms, std::nullopt}, 0.0) == 0ms);
    }
    SECTION("each the moment its worker is ready")
    {
        restart_history history;
        for (int i = 0; i < 50; ++i)
            CHECK(history.after({true, 0ms, std::nullopt}, 0.0) == 0ms);
    }
}

TEST_CASE("a worker that becomes ready and dies over and over ends in the back-off",
          "[master][restart]")
{
    restart_history history;
    past_life const loop{true, 1ms, std::nullopt};
    milliseconds slept{0};
    int deaths = 0;
    for (; slept < 60s && deaths < 1'000; ++deaths)
        slept += *history.after(loop, 0.0) + loop.ready_for;
    CHECK(deaths < 80); // 60 on credit, then doubling waits
    CHECK(history.failures() > 5);

    // A healthy life clears the past.
    CHECK(history.after({true, 30s, std::nullopt}, 0.0) == 0ms);
    CHECK(history.after(loop, 0.0) == 0ms);
}

} // namespace restart_policy_test
