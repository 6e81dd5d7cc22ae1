// Words, killed at every instruction of what changes them: each is as before or as after, a reader
// sees the same before and after the repair, but for what ends with a worker; and whoever watches
// is rung.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "support/catch.hpp"
#include "support/stepped_child.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <covey/shm/counter.hpp>
#include <covey/shm/extreme.hpp>
#include <covey/shm/gauge.hpp>
#include <covey/shm/histogram.hpp>
#include <covey/shm/leader.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/rate_limiter.hpp>
#include <functional>
#include <iostream>
#include <poll.h>
#include <string>
#include <vector>

namespace words_crash_test {

using namespace std::chrono_literals;

namespace {

struct words : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::gauge in_flight{*this, "in_flight"};
    covey::maximum slowest{*this, "slowest"};
    covey::minimum fastest{*this, "fastest"};
    covey::histogram sizes{*this, "sizes", {.highest = 1'000}};
    covey::rate_limiter logins{*this, "logins", {.events = 3, .each = 1s}};
    covey::lock nightly{*this, "nightly"};
    covey::leader chief{*this, "chief"};
};

using cluster = covey::test::test_segment<words>;
using member = covey::test::member<words>;

constexpr covey::rate_limiter::time_point a_moment{1'000'000s};

// All that a reader can see, as text; of holders whether they hold, and for the how-manieth time.
std::string seen_by(words& view)
{
    auto const hold = [](std::optional<covey::holder> const& by) {
        return by ? "block " + std::to_string(by->block) + " epoch " + std::to_string(by->epoch)
                  : "nobody";
    };
    return std::to_string(view.hits.get()) + ", " + std::to_string(view.in_flight.get()) + ", " +
           std::to_string(view.slowest.get().value_or(0)) + ", " +
           std::to_string(view.fastest.get().value_or(0)) + ", " +
           std::to_string(view.sizes.get().count()) + ", " + hold(view.nightly.holder()) + ", " +
           hold(view.chief.holder());
}

std::optional<covey::lock::hold> kept; // of whoever the operation before has made a holder

struct operation
{
    std::string name;
    std::function<void(words&)> before; // the same worker's, not cut off
    std::function<void(words&)> run;
};

auto const nothing = [](words&) {};

std::vector<operation> const operations{
    {"add to a counter", nothing, [](words& view) { view.hits.add(2); }},
    {"add to a gauge", nothing, [](words& view) { view.in_flight.add(2); }},
    {"set a gauge", [](words& view) { view.in_flight.add(2); },
     [](words& view) { view.in_flight.set(7); }},
    {"record a maximum", nothing, [](words& view) { view.slowest.record(9); }},
    {"reset a maximum", [](words& view) { view.slowest.record(9); },
     [](words& view) { view.slowest.reset(); }},
    {"record a minimum", nothing, [](words& view) { view.fastest.record(-9); }},
    {"record in a histogram", nothing, [](words& view) { view.sizes.record(9); }},
    {"take from a rate", nothing, [](words& view) { view.logins.take(3, a_moment); }},
    {"hold a lock", nothing, [](words& view) { kept = view.nightly.try_hold(); }},
    {"release a lock", [](words& view) { kept = view.nightly.try_hold(); },
     [](words&) { kept->release(); }},
    {"lead", nothing, [](words& view) { view.chief.run(); }},
    {"resign", [](words& view) { view.chief.run(); }, [](words& view) { view.chief.resign(); }},
};

struct scene
{
    explicit scene(operation const& op)
    {
        survivor = world.join(1);
        changes = std::make_unique<covey::subscription>(survivor->who);
        auto const hear = [this](auto const&) { ++told; };
        changes->on_change(survivor->view.hits, hear, covey::test::every_change);
        changes->on_change(survivor->view.in_flight, hear, covey::test::every_change);
        changes->on_change(survivor->view.slowest, hear, covey::test::every_change);
        changes->on_change(survivor->view.fastest, hear, covey::test::every_change);
        changes->on_change(survivor->view.nightly, hear, covey::test::every_change);
        changes->on_change(survivor->view.chief, hear, covey::test::every_change);
        child = std::make_unique<covey::test::stepped_child>(
            [&] {
                victim = world.join(0);
                op.before(victim->view);
            },
            [&] { op.run(victim->view); });
        changes->dispatch();
        told = 0;
        while (!changes->arm())
            changes->dispatch();
        before = seen_by(survivor->view);
    }

    cluster world{2};
    std::unique_ptr<member> survivor;
    std::unique_ptr<covey::subscription> changes;
    int told = 0;
    std::string before;
    std::unique_ptr<member> victim;
    std::unique_ptr<covey::test::stepped_child> child;
};

// What a reader sees when nobody dies.
std::string finished(operation const& op)
{
    cluster world{2};
    auto const me = world.join(0);
    op.before(me->view);
    op.run(me->view);
    auto const seen = seen_by(me->view);
    kept.reset();
    return seen;
}

void die_at(operation const& op, std::string const& after, std::vector<std::uint64_t> const& way,
            std::size_t number, std::size_t& violations)
{
    scene run{op};
    bool const returned = number == way.size() - 1;
    run.child->go(way, number);
    run.child->kill();
    auto& view = run.survivor->view;
    auto const check = [&](bool holds, char const* claim) {
        violations += !holds;
        INFO(op.name << " killed at " << number << ": " << claim << "; " << seen_by(view));
        CHECK(holds);
    };
    auto const seen = seen_by(view);
    check(seen == after || (seen == run.before && !returned), "neither before nor after");
    auto const rate_left = view.logins.take(3, a_moment);
    check(op.name != "take from a rate" || !rate_left || !returned, "a grant is forgotten");

    check(run.world.memory.reap_block(0, run.world.bells), "the master cannot reap");
    check(!view.nightly.holder() && !view.chief.holder(), "a dead worker holds on");
    check(view.in_flight.get() == 0, "a dead worker's share is left");
    check(view.nightly.try_hold().has_value() && view.chief.run(), "nobody can hold any more");
    view.chief.resign();

    pollfd waits{.fd = run.changes->doorbell(), .events = POLLIN, .revents = 0};
    check(::poll(&waits, 1, 0) == 1, "nobody rang");
    run.changes->dispatch();
    check(run.told > 0 || seen_by(view) == run.before || op.name == "record in a histogram" ||
              op.name == "take from a rate",
          "a difference was not told");
}

} // namespace

TEST_CASE("a worker killed at any instruction leaves a word as before or as after, and no hold",
          "[crash]")
{
    for (auto const& op : operations) {
        auto const after = finished(op);
        std::size_t violations = 0;
        auto const way = scene{op}.child->record();
        for (std::size_t number = 0; number != way.size(); ++number)
            die_at(op, after, way, number, violations);
        std::cout << op.name << ": kills " << way.size() << ", violations " << violations << "\n";
        CHECK(violations == 0);
    }
}

} // namespace words_crash_test
