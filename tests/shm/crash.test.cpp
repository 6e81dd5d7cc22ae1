// Killed at every instruction: one process does one operation, instruction by instruction, and is
// SIGKILLed at each of them in turn. Whoever comes next must find the operation done or not done,
// never half done, and announced exactly as often as it was done.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "map_scene.hpp"

#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/stepped_child.hpp"

#include <iostream>
#include <poll.h>
#include <string>

namespace crash_test {

using namespace covey::test::map_scene;

namespace {

struct tally
{
    std::uint64_t kills = 0;
    std::uint64_t repairs = 0;
    std::uint64_t committed = 0;
    std::uint64_t rolled_back = 0;
    std::uint64_t violations = 0;
};

// A world in which block 0 stands before an operation, led by the test, and block 1 sleeps; block 2
// is there for whoever wants another writer. Every run starts here, so that every run takes the
// same way.
struct scene
{
    explicit scene(operation const& op)
    {
        seed(world);
        survivor = world.join(1);
        changes = std::make_unique<covey::subscription>(survivor->who);
        auto const hear = [this](auto const&) { ++told; };
        changes->on_change(survivor->view.rows, hear, covey::test::every_change);
        changes->on_change(survivor->view.best, hear, covey::test::every_change);
        while (!changes->arm())
            changes->dispatch();
        child = std::make_unique<covey::test::stepped_child>([&] { victim = world.join(0); },
                                                             [&] { op.run(victim->view); });
    }

    cluster world{3};
    std::unique_ptr<member> survivor;
    std::unique_ptr<covey::subscription> changes;
    int told = 0;
    std::unique_ptr<member> victim;
    std::unique_ptr<covey::test::stepped_child> child;
};

// Block 0 dies at instruction `number` of `way` (its record), or, at the end of it, after the
// operation has returned; and what its survivors find.
void die_at(operation const& op, expectation const& expected, std::vector<std::uint64_t> const& way,
            std::size_t number, tally& count)
{
    scene run{op};
    auto& [world, survivor, changes, told, victim, child] = run;
    bool const finished = number == way.size() - 1;
    child->go(way, number);
    child->kill();
    ++count.kills;
    world.memory.open_block(0, {.pid = child->pid(), .id = 1, .generation = 1});

    auto const check = [&](bool holds, std::string const& claim) {
        if (!holds) {
            ++count.violations;
            UNSCOPED_INFO(op.name << " killed at " << number << ": " << claim);
        }
        CHECK(holds);
    };
    // Readers do not wait, and see the operation done or not done.
    auto const seen = rows_of(survivor->view);
    auto const best = survivor->view.best.get();
    bool const done = seen == expected.after && best == expected.best_after;
    check(done || (seen == expected.before && best == twin{}), "a reader sees something else");
    check(done || !finished, "an acknowledged operation is lost");

    // The next writer of the shard, or the master, repairs.
    auto const repairs = world.memory.repairs().size();
    int own = 0;
    if (number % 2) {
        own = survivor->view.rows.put("a", {1, 1}).stored();
        check(own == 1, "the next writer cannot write");
        check(survivor->view.best.put(best).stored(), "the next writer cannot write a value");
        ++own;
    }
    check(world.memory.reap_block(0, world.bells), "the master cannot reap");
    count.repairs += world.memory.repairs().size() - repairs;
    (done ? count.committed : count.rolled_back) += 1;
    check(rows_of(survivor->view) == seen, "the repair changed what a reader had seen");
    auto const damage = covey::test::fsck(world.memory, survivor->view.rows.index());
    check(damage.empty(), "the table is damaged: " + damage);

    // Announced exactly as often as done, and the sleeper was woken.
    pollfd waits{.fd = changes->doorbell(), .events = POLLIN, .revents = 0};
    check(::poll(&waits, 1, 0) == 1, "nobody rang");
    do
        changes->dispatch();
    while (!changes->arm());
    check(told == own + (done ? 1 : 0), "not announced exactly once");

    // The log tells this death, and once.
    auto const log = world.memory.repairs();
    check(log.size() <= repairs + 1, "one death is told as several repairs");
    if (log.size() > repairs && log.back().was_writing)
        check(log.back().dead_pid == child->pid() && log.back().block == 0 &&
                  log.back().committed == done,
              "the log tells of another death");

    // Capacity N is N still, and the block can be used again.
    world.memory.open_block(0, {.pid = ::getpid(), .id = 3, .generation = 1});
    auto const again = world.join(0);
    auto left = room - rows_of(again->view).size();
    for (std::uint64_t i = 0; left != 0; --left, ++i)
        check(again->view.rows.put("f" + std::to_string(i), {}).stored(), "a cell is lost");
    check(again->view.rows.put("overflow", {}) == covey::put_result::full, "a cell too many");
}

} // namespace

TEST_CASE("a worker killed at any instruction of an operation leaves it done or not done, and "
          "announced as often as done",
          "[crash]")
{
    for (auto const& op : operations)
        DYNAMIC_SECTION(op.name)
        {
            auto const expected = expect(op);
            tally count;
            auto const way = scene{op}.child->record();
            for (std::size_t number = 0; number != way.size(); ++number)
                die_at(op, expected, way, number, count);
            std::cout << op.name << ": kills " << count.kills << ", repairs " << count.repairs
                      << ", committed " << count.committed << ", rolled back " << count.rolled_back
                      << ", violations " << count.violations << "\n";
            CHECK(count.repairs > 0);
            CHECK(count.committed > 0);
            CHECK(count.rolled_back > 0);
            CHECK(count.violations == 0);
        }
}

TEST_CASE("a worker killed at any instruction of a write leaves a sleeper whom the next write of "
          "another worker wakes, before anybody repairs",
          "[crash]")
{
    auto const& op = operations.front();
    auto const way = scene{op}.child->record();
    std::size_t rung_already = 0;
    std::size_t violations = 0;
    for (std::size_t number = 0; number != way.size(); ++number) {
        scene run{op};
        run.child->go(way, number);
        run.child->kill();
        pollfd waits{.fd = run.changes->doorbell(), .events = POLLIN, .revents = 0};
        rung_already += ::poll(&waits, 1, 0) == 1;
        auto const writer = run.world.join(2);
        CHECK(writer->view.best.put({7, 7}).stored()); // another lock than the dead one's
        bool const woken = ::poll(&waits, 1, 0) == 1;
        violations += !woken;
        INFO("killed at " << number << ": the next write wakes nobody");
        CHECK(woken);
        run.changes->dispatch();
        CHECK(run.told >= 1);
    }
    std::cout << "sleepers: kills " << way.size() << ", rung already " << rung_already
              << ", violations " << violations << "\n";
    CHECK(rung_already > 0);
    CHECK(rung_already < way.size());
}

} // namespace crash_test
