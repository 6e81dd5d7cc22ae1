// Rows that go by themselves, killed at every instruction of what makes them go: each removal and
// each insert is done or not done, in their order, and announced as often as done.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/stepped_child.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <covey/shm/expiry.hpp>
#include <covey/shm/map.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace retention_crash_test {

using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t room = 3;

struct cache : covey::state // one shard, so that every writer meets the dead one's lock
{
    covey::map<std::uint32_t, std::int64_t> rows{
        *this, "rows", covey::capacity{room}, {.expires = true, .full = covey::when_full::evict}};
};

using cluster = covey::test::test_segment<cache>;
using member = covey::test::member<cache>;
using contents = std::map<std::uint32_t, std::int64_t>;

contents rows_of(cache& view)
{
    contents out;
    view.rows.for_each([&](auto key, auto row, auto) { out[key] = row; });
    return out;
}

struct operation
{
    std::string name;
    std::function<void(cache&)> before; // not cut off
    std::function<void(cache&)> run;
    std::size_t steps; // removals and inserts of its own, all told
};

void fill(cache& view)
{
    for (std::uint32_t i = 0; i != room; ++i)
        view.rows.put(i, i, 1h);
}

// All but the last are over by now, and nobody has swept them.
void fill_and_wait(cache& view)
{
    for (std::uint32_t i = 0; i + 1 != room; ++i)
        view.rows.put(i, i, 1ns);
    view.rows.put(room - 1, room - 1, 1h);
    auto const then = covey::shm::coarse_now();
    covey::test::wait_until([&] { return covey::shm::coarse_now() > then + 1; });
}

std::vector<operation> const operations{
    {"sweep", fill_and_wait, [](cache& view) { view.rows.expire(); }, room - 1},
    {"put into a full map, where a row is over", fill_and_wait,
     [](cache& view) { view.rows.put(9, 9, 1h); }, 2},
    {"put into a full map, where a row is evicted", fill,
     [](cache& view) { view.rows.put(9, 9, 1h); }, 2},
    {"touch", fill, [](cache& view) { view.rows.touch(1, 2h); }, 1},
};

struct scene
{
    explicit scene(operation const& op)
    {
        world.memory.memory()->head().secret = 42; // the same way in every run
        survivor = world.join(1);
        op.before(survivor->view);
        changes = std::make_unique<covey::subscription>(survivor->who);
        changes->on_change(
            survivor->view.rows, [this](auto const& one) { kinds.push_back(one.kind); },
            covey::test::every_change);
        child = std::make_unique<covey::test::stepped_child>([&] { victim = world.join(0); },
                                                             [&] { op.run(victim->view); });
    }

    cluster world{2};
    std::unique_ptr<member> survivor;
    std::unique_ptr<covey::subscription> changes;
    std::vector<covey::change_kind> kinds;
    std::unique_ptr<member> victim;
    std::unique_ptr<covey::test::stepped_child> child;
};

// How many of its steps the operation has made, by what can be seen.
std::size_t steps_made(operation const& op, scene& run, std::uint64_t rows)
{
    auto const now = rows_of(run.survivor->view);
    if (op.name == "sweep")
        return room - rows;
    if (op.name == "touch")
        return run.survivor->view.rows.find(1)->revision > room;
    return now.contains(9) ? 2 : room - rows;
}

// These operations read the clock, whose memory the kernel writes 250 times a second: a read that
// meets that goes round once more, which no record foresees. It is rare, and the next scene is
// another.
constexpr int attempts = 20;

std::vector<std::uint64_t> record(operation const& op)
{
    auto way = scene{op}.child->record();
    for (int i = 0; i != attempts; ++i) {
        auto again = scene{op}.child->record();
        if (again == way)
            return way;
        way = std::move(again);
    }
    throw std::runtime_error{op.name + " takes another way every time"};
}

std::unique_ptr<scene> arrive(operation const& op, std::vector<std::uint64_t> const& way,
                              std::size_t number)
{
    for (int i = 1;; ++i) {
        auto made = std::make_unique<scene>(op);
        try {
            made->child->go(way, number);
            return made;
        } catch (std::runtime_error const&) {
            if (i == attempts)
                throw;
        }
    }
}

void die_at(operation const& op, std::vector<std::uint64_t> const& way, std::size_t number,
            std::vector<std::size_t>& seen, std::size_t& violations)
{
    auto const arrived = arrive(op, way, number);
    auto& run = *arrived;
    run.child->kill();
    auto& rows = run.survivor->view.rows;
    auto const check = [&](bool holds, char const* claim) {
        violations += !holds;
        INFO(op.name << " killed at " << number << ": " << claim);
        CHECK(holds);
    };
    auto const readable = rows_of(run.survivor->view);
    check(run.world.memory.reap_block(0, run.world.bells), "the master cannot reap");
    check(rows_of(run.survivor->view) == readable, "the repair changed what a reader had seen");
    auto const made = steps_made(op, run, rows.size());
    ++seen[made];
    check(number != way.size() - 1 || made == op.steps, "an acknowledged operation is lost");
    check(covey::test::fsck(run.world.memory, rows.index()).empty(), "the table is damaged");
    run.changes->dispatch();
    check(run.kinds.size() == made, "not announced exactly once");

    // What it was looking for can be looked for again, and capacity N is N still.
    check(rows.put(20, 1, 1h).stored() && rows.put(21, 1, 1h).stored(), "no room is found");
    check(rows.size() <= room, "a cell too many");
    check(covey::test::fsck(run.world.memory, rows.index()).empty(), "the table is damaged");
}

} // namespace

TEST_CASE("a worker killed at any instruction of making room has made it, or not, and says so",
          "[crash]")
{
    for (auto const& op : operations) {
        std::size_t violations = 0;
        std::vector<std::size_t> seen(op.steps + 1);
        auto way = record(op);
        for (std::size_t number = 0; number < way.size(); ++number) {
            try {
                die_at(op, way, number, seen, violations);
            } catch (std::runtime_error const&) {
                way = record(op); // the clock is read in another way from now on
                die_at(op, way, std::min(number, way.size() - 1), seen, violations);
            }
        }
        std::cout << op.name << ": kills " << way.size() << ", violations " << violations;
        for (std::size_t made = 0; made != seen.size(); ++made) {
            std::cout << (made == 0 ? "; steps made: " : ", ") << made << " " << seen[made] << "x";
            CHECK(seen[made] > 0);
        }
        std::cout << "\n";
        CHECK(violations == 0);
    }
}

} // namespace retention_crash_test
