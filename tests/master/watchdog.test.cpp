#include <covey/master/recycling.hpp>
#include <covey/master/restart_limit.hpp>
#include <covey/master/watchdog.hpp>

#include "support/catch.hpp"

namespace watchdog_test {

using namespace covey::supervision;
using namespace std::chrono_literals;

namespace {

watchdog::time_point at(std::chrono::milliseconds since)
{
    return watchdog::time_point{1'000s + since};
}

sample beating(std::uint64_t beats, std::uint32_t connections)
{
    sample out;
    out.beats = beats;
    out.connections = connections;
    return out;
}

} // namespace

TEST_CASE("something to do and no beat for the whole timeout is a hang", "[watchdog]")
{
    watchdog dog{2s, false};
    dog.watch(at(0s), 1);
    CHECK(dog.next() == at(500ms));
    CHECK_FALSE(dog.sampled(at(500ms), 1, beating(1, 1)));
    CHECK_FALSE(dog.sampled(at(1'500ms), 1, beating(1, 1)));
    CHECK_FALSE(dog.sampled(at(2'000ms), 1, beating(2, 1)));
    CHECK_FALSE(dog.sampled(at(3'999ms), 1, beating(2, 1)));
    CHECK(dog.sampled(at(4'000ms), 1, beating(2, 1)));
    CHECK_FALSE(dog.next()); // told once
}

TEST_CASE("what has been passed and not acknowledged is something to do", "[watchdog]")
{
    watchdog dog{2s, false};
    dog.watch(at(0s), 1);
    sample waiting;
    waiting.unacknowledged = 1;
    CHECK_FALSE(dog.sampled(at(1s), 1, waiting));
    CHECK(dog.sampled(at(3s), 1, waiting));
}

TEST_CASE("an idle worker is let out of sight after two samples", "[watchdog]")
{
    watchdog dog{2s, false};
    dog.watch(at(0s), 1);
    CHECK_FALSE(dog.sampled(at(1s), 1, beating(4, 1)));
    CHECK_FALSE(dog.sampled(at(2s), 1, beating(5, 0)));
    CHECK(dog.next());
    CHECK_FALSE(dog.sampled(at(3s), 1, beating(5, 0)));
    CHECK_FALSE(dog.next());
}

TEST_CASE("a look that comes too late accuses nobody", "[watchdog]")
{
    watchdog dog{2s, false};
    dog.watch(at(0s), 1);
    CHECK(dog.tick(at(500ms)));
    CHECK_FALSE(dog.sampled(at(500ms), 1, beating(1, 1)));
    CHECK(dog.tick(at(1h)));
    CHECK_FALSE(dog.sampled(at(1h), 1, beating(1, 1)));
    CHECK_FALSE(dog.sampled(at(1h + 1s), 1, beating(1, 1)));
    CHECK(dog.sampled(at(1h + 2s), 1, beating(1, 1)));
}

TEST_CASE("without a hang timeout nobody hangs, and looks come only for recycling", "[watchdog]")
{
    watchdog blind{0s, false};
    blind.watch(at(0s), 1);
    CHECK_FALSE(blind.next());
    watchdog scale{0s, true};
    scale.watch(at(0s), 1);
    CHECK(scale.next() == at(1s));
    CHECK_FALSE(scale.sampled(at(1s), 1, beating(1, 1)));
    CHECK_FALSE(scale.sampled(at(1h), 1, beating(1, 1)));
}

TEST_CASE("each worker's limits are up to a tenth below the cluster's", "[recycling]")
{
    covey::recycle_options options;
    options.requests = 1'000;
    options.age = 10s;
    auto const none = draw_limits(options, [] { return 0.0; });
    CHECK(none.requests == 1'000);
    CHECK(none.age == 10s);
    auto const most = draw_limits(options, [] { return 0.999; });
    CHECK(most.requests == 901);
    CHECK(most.memory_bytes == 0);
    sample seen;
    seen.requests = 900;
    CHECK_FALSE(most.are_passed_by(seen));
    seen.requests = 901;
    CHECK(most.are_passed_by(seen));
    seen = {};
    seen.resident_bytes = 1'000'000;
    CHECK_FALSE(most.are_passed_by(seen));
}

TEST_CASE("failures older than the period are forgotten", "[restart]")
{
    covey::restart_options options;
    options.intensity = 2;
    options.period = 10s;
    restart_limit limit{options};
    CHECK_FALSE(limit.count(at(0s), "one"));
    CHECK_FALSE(limit.count(at(9s), "two\nwith words"));
    CHECK_FALSE(limit.count(at(10s), "three"));
    CHECK(limit.count(at(11s), "four"));
    CHECK(limit.history(at(11s)) ==
          "2.0 s ago, two\n  with words\n1.0 s ago, three\n0.0 s ago, four");
    limit.clear();
    CHECK(limit.history(at(11s)).empty());
}

} // namespace watchdog_test
