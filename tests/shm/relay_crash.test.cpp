// A writer that leaves many sleepers to the relay is killed at every instruction: the next writer,
// or the reaper, has them all woken.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "map_scene.hpp"

#include "support/catch.hpp"
#include "support/stepped_child.hpp"

#include <covey/shm/doorbell.hpp>
#include <covey/shm/doorbell_relay.hpp>
#include <iostream>
#include <poll.h>

namespace relay_crash_test {

using namespace covey::test::map_scene;

namespace {

constexpr std::uint32_t sleepers = covey::shm::relay_above + 1;
constexpr std::uint32_t other_writer = 1;
constexpr std::uint32_t first_sleeper = 2;

bool readable(int descriptor)
{
    pollfd waits{.fd = descriptor, .events = POLLIN, .revents = 0};
    return ::poll(&waits, 1, 0) == 1;
}

struct sleeper
{
    sleeper(cluster const& world, std::uint32_t block)
        : me{world.join(block)}
        , changes{me->who}
    {
        changes.on_change(
            me->view.rows, [](auto const&) {}, covey::test::every_change);
        changes.on_change(
            me->view.best, [](auto const&) {}, covey::test::every_change);
        while (!changes.arm())
            changes.dispatch();
    }
    std::unique_ptr<member> me;
    covey::subscription changes;
};

// Block 0 stands before a write, led by the test; many sleep, and the relay too.
struct scene
{
    scene()
    {
        seed(world);
        for (std::uint32_t i = 0; i != sleepers; ++i)
            asleep.push_back(std::make_unique<sleeper>(world, first_sleeper + i));
        relay.emplace(world.memory.memory(),
                      std::make_shared<covey::doorbells const>(member::copy(world.bells)));
        REQUIRE(relay->arm());
        child = std::make_unique<covey::test::stepped_child>(
            [&] { victim = world.join(0); }, [&] { operations.front().run(victim->view); });
    }
    // The relay's loop has come round.
    void let_relay_work()
    {
        if (!readable(relay->descriptor()))
            return;
        relay->answer();
        do
            relay->ring();
        while (!relay->arm());
    }
    bool is_everybody_rung() const
    {
        for (auto const& one : asleep)
            if (!readable(one->changes.doorbell()))
                return false;
        return true;
    }

    cluster world{first_sleeper + sleepers};
    std::vector<std::unique_ptr<sleeper>> asleep;
    std::optional<covey::doorbell_relay> relay;
    std::unique_ptr<member> victim;
    std::unique_ptr<covey::test::stepped_child> child;
};

} // namespace

TEST_CASE(
    "a worker killed at any instruction of a write leaves many sleepers whom the next write, or "
    "the reaper, has woken",
    "[crash]")
{
    auto const way = scene{}.child->record();
    std::size_t relay_rung = 0;
    std::size_t rung_already = 0;
    std::size_t violations = 0;
    for (std::size_t number = 0; number != way.size(); ++number) {
        scene run;
        run.child->go(way, number);
        run.child->kill();
        INFO("killed at " << number);
        relay_rung += readable(run.relay->descriptor());
        if (number % 3 == 0) { // the relay is quicker than the next writer
            run.let_relay_work();
            rung_already += run.is_everybody_rung();
        }
        if (number % 2 == 0) {
            auto const writer = run.world.join(other_writer);
            CHECK(writer->view.best.put({7, 7}).stored()); // another lock than the dead one's
            run.let_relay_work();
        } else
            CHECK(run.world.memory.reap_block(0, run.world.bells));
        bool const woken = run.is_everybody_rung();
        violations += !woken;
        CHECK(woken);
    }
    std::cout << "many sleepers: kills " << way.size() << ", relay rung " << relay_rung
              << ", woken by it before anybody came " << rung_already << ", violations "
              << violations << "\n";
    CHECK(relay_rung > 0);
    CHECK(relay_rung < way.size());
    CHECK(rung_already > 0);
}

} // namespace relay_crash_test
