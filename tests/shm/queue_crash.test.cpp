// Rings and queues, killed at every instruction: an append, a push, a pop, an end of a lease is
// done or not done, and announced exactly as often as done; what the dead worker had leased is
// there for others, once, in its old place. And the reaper that gives the leases back is killed at
// every instruction, too: whoever comes next goes on.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/stepped_child.hpp"
#include "support/test_segment.hpp"

#include <covey/shm/queue.hpp>
#include <covey/shm/ring.hpp>
#include <functional>
#include <iostream>
#include <poll.h>
#include <random>
#include <string>
#include <vector>

namespace queue_crash_test {

namespace {

struct twin // both halves always agree
{
    std::int64_t left = 0;
    std::int64_t right = 0;
    friend bool operator==(twin const&, twin const&) = default;
};
BOOST_DESCRIBE_STRUCT(twin, (), (left, right))

constexpr std::uint64_t room = 5;

struct tiny : covey::state
{
    covey::queue<twin> jobs{*this, "jobs", covey::capacity{room}};
    covey::ring<twin> recent{*this, "recent", covey::capacity{3}};
};

using cluster = covey::test::test_segment<tiny>;
using member = covey::test::member<tiny>;
using held_item = covey::leased_item<twin>;

std::vector<held_item> held; // the victim's, from before its operation

struct operation
{
    std::string name;
    std::function<void(tiny&)> before; // the same worker's, not cut off
    std::function<void(tiny&)> run;
};

void lease(tiny& view, int count)
{
    held.clear();
    for (int i = 0; i != count; ++i)
        held.push_back(*view.jobs.pop());
}

// Items 1 to 4 were pushed; the survivor has item 1, which stays with it; one cell is free.
std::vector<operation> const operations{
    {"push", [](tiny&) {},
     [](tiny& view) {
         view.jobs.push({9, 9});
     }},
    {"push into an empty queue", [](tiny& view) { lease(view, 3); },
     [](tiny& view) {
         view.jobs.push({9, 9});
     }},
    {"pop", [](tiny&) {}, [](tiny& view) { view.jobs.pop(); }},
    {"pop the last item", [](tiny& view) { lease(view, 2); }, [](tiny& view) { view.jobs.pop(); }},
    {"acknowledge", [](tiny& view) { lease(view, 2); },
     [](tiny& view) { view.jobs.acknowledge(held[0]); }},
    {"give back to the front", [](tiny& view) { lease(view, 2); },
     [](tiny& view) { view.jobs.give_back(held[0]); }},
    {"give back between others",
     [](tiny& view) {
         lease(view, 2);
         view.jobs.give_back(held[0]);
     },
     [](tiny& view) { view.jobs.give_back(held[1]); }},
    {"give back to the end",
     [](tiny& view) {
         lease(view, 3);
         view.jobs.give_back(held[0]);
         view.jobs.give_back(held[1]);
     },
     [](tiny& view) { view.jobs.give_back(held[2]); }},
    {"append", [](tiny&) {},
     [](tiny& view) {
         view.recent.append({9, 9});
     }},
};

// All that can be told of a world whose block 0 has ended: what waits, how often each item was
// popped, the last rows, and how many changes were announced since the operation began.
std::string read_out(tiny& view, int told)
{
    std::string out;
    for (auto const& one : view.recent.last(room))
        out += one.row.left == one.row.right ? "r" + std::to_string(one.row.left) + " " : "torn ";
    for (std::uint64_t i = 0; i != 2 * room; ++i) { // a broken chain may have no end
        auto const item = view.jobs.pop();
        if (!item)
            break;
        out += item->row.left == item->row.right ? std::to_string(item->row.left) : "torn";
        out += "x" + std::to_string(item->deliveries) + " ";
        view.jobs.acknowledge(*item);
    }
    return out + "told " + std::to_string(told);
}

// A world in which block 0 stands before an operation, led by the test, and block 1 sleeps.
struct scene
{
    explicit scene(operation const& op)
    {
        survivor = world.join(1);
        for (std::int64_t i = 1; i != 5; ++i)
            survivor->view.jobs.push({i, i});
        for (std::int64_t i = 1; i != 4; ++i)
            survivor->view.recent.append({i, i});
        first = *survivor->view.jobs.pop();
        changes = std::make_unique<covey::subscription>(survivor->who);
        auto const hear = [this](auto const&) { ++told; };
        changes->on_change(survivor->view.jobs, hear, covey::test::every_change);
        changes->on_change(survivor->view.recent, hear, covey::test::every_change);
        child = std::make_unique<covey::test::stepped_child>(
            [&] {
                victim = world.join(0);
                op.before(victim->view);
            },
            [&] { op.run(victim->view); });
        listen();
        told = 0;
    }
    void listen()
    {
        do
            changes->dispatch();
        while (!changes->arm());
    }
    bool reap() { return world.memory.reap_block(0, world.bells); }
    std::string fsck() { return covey::test::fsck(world.memory, survivor->view.jobs.index()); }
    // As an operation that changes nothing: takes the lock, and repairs if it inherits it.
    bool touch()
    {
        auto nothing = first;
        nothing.deliveries = 99;
        return survivor->view.jobs.acknowledge(nothing) == covey::erase_result::missing;
    }

    cluster world{3};
    std::unique_ptr<member> survivor;
    held_item first;
    std::unique_ptr<covey::subscription> changes;
    int told = 0;
    std::unique_ptr<member> victim;
    std::unique_ptr<covey::test::stepped_child> child;
};

// What is read out when the operation was not begun, or was finished, and then block 0 ended.
std::string outcome(operation const& op, bool finished)
{
    scene run{op};
    if (finished)
        while (run.child->step()) {
        }
    run.child->kill();
    REQUIRE(run.reap());
    run.listen();
    return read_out(run.survivor->view, run.told);
}

struct tally
{
    std::uint64_t kills = 0;
    std::uint64_t repairs = 0;
    std::uint64_t done = 0;
    std::uint64_t undone = 0;
    std::uint64_t violations = 0;

    void check(bool holds, std::string const& claim)
    {
        violations += !holds;
        INFO(claim);
        CHECK(holds);
    }
};

void print(std::string const& name, tally const& count)
{
    std::cout << name << ": kills " << count.kills << ", repairs " << count.repairs << ", done "
              << count.done << ", not done " << count.undone << ", violations " << count.violations
              << "\n";
}

// After all is said: the queue has all its cells still, and the block and its lane can be used
// again.
void check_use(scene& run, tally& count, std::string const& at)
{
    run.world.memory.open_block(0, {.pid = ::getpid(), .id = 3, .generation = 1});
    auto const again = run.world.join(0);
    for (std::uint64_t i = 1; i != room; ++i) // the survivor has one item still
        count.check(again->view.jobs.push({}).stored(), at + "a cell is lost");
    count.check(again->view.jobs.push({}) == covey::put_result::full, at + "a cell too many");
    count.check(run.survivor->view.jobs.acknowledge(run.first) == covey::erase_result::erased,
                at + "the survivor's lease is gone");
    again->view.recent.append({7, 7});
    count.check(run.survivor->view.recent.last(1).front().row == twin{7, 7},
                at + "a row cannot be appended");
    count.check(run.fsck().empty(), at + run.fsck());
}

// The worker dies, and a child stands before reaping its block. Never inlined: two copies would be
// two ways.
[[gnu::noinline]] std::unique_ptr<covey::test::stepped_child> reaper(scene& run)
{
    run.child->kill();
    // The allocator finds at once what the reaper will ask for, in every run.
    auto const warm = [] {
        std::vector<std::uint64_t> grown;
        for (std::uint64_t i = 0; i != 3; ++i)
            grown.push_back(i);
    };
    return std::make_unique<covey::test::stepped_child>(warm, [&] { run.reap(); });
}

} // namespace

TEST_CASE("a worker killed at any instruction leaves an item or a row done or not done, announced "
          "as often as done, and no item with it",
          "[crash]")
{
    for (auto const& op : operations) {
        auto const undone = outcome(op, false);
        auto const done = outcome(op, true);
        tally count;
        auto const way = scene{op}.child->record();
        for (std::size_t number = 0; number != way.size(); ++number) {
            scene run{op};
            run.child->go(way, number);
            run.child->kill();
            ++count.kills;
            run.world.memory.open_block(0, {.pid = run.child->pid(), .id = 1, .generation = 1});
            auto const at = op.name + " killed at " + std::to_string(number) + ": ";
            auto const repairs = run.world.memory.repairs().size();
            if (number % 2) // the next to take the lock repairs, or the master
                count.check(run.touch(), at + "the next worker cannot write");
            count.check(run.reap(), at + "the master cannot reap");
            count.repairs += run.world.memory.repairs().size() - repairs;
            count.check(run.fsck().empty(), at + run.fsck());
            pollfd waits{.fd = run.changes->doorbell(), .events = POLLIN, .revents = 0};
            count.check(::poll(&waits, 1, 0) == 1, at + "nobody rang");
            run.listen();
            auto const seen = read_out(run.survivor->view, run.told);
            bool const finished = number == way.size() - 1;
            count.check(seen == done || (seen == undone && !finished),
                        at + "found " + seen + ", not " + undone + " nor " + done);
            (seen == done ? count.done : count.undone) += 1;
            check_use(run, count, at);
        }
        print(op.name, count);
        CHECK(count.done > 0);
        CHECK((count.undone > 0 || done == undone));
        CHECK((count.repairs > 0) == (op.name != "append"));
        CHECK(count.violations == 0);
    }
}

TEST_CASE("a reaper killed at any instruction has given a dead worker's items back once, when the "
          "next is done",
          "[crash]")
{
    operation const lease_three{"lease", [](tiny& view) { lease(view, 3); }, [](tiny&) {}};
    auto const expected = outcome(lease_three, false);
    CHECK(expected == "r1 r2 r3 2x2 3x2 4x2 told 3");
    tally count;
    std::vector<std::uint64_t> way;
    {
        scene run{lease_three};
        way = reaper(run)->record();
    }
    for (std::size_t number = 0; number != way.size(); ++number) {
        scene run{lease_three};
        auto const first = reaper(run);
        first->go(way, number);
        first->kill();
        ++count.kills;
        auto const at = "reaper killed at " + std::to_string(number) + ": ";
        auto const repairs = run.world.memory.repairs().size();
        if (number % 2)
            count.check(run.touch(), at + "the next worker cannot write");
        count.check(run.reap(), at + "the next reaper cannot reap");
        count.repairs += run.world.memory.repairs().size() - repairs;
        count.check(run.fsck().empty(), at + run.fsck());
        run.listen();
        auto const seen = read_out(run.survivor->view, run.told);
        count.check(seen == expected, at + "found " + seen);
        check_use(run, count, at);
    }
    print("reap", count);
    CHECK(count.repairs > 0);
    CHECK(count.violations == 0);
}

TEST_CASE("a reaper killed while it repairs and gives back is followed by the next", "[crash]")
{
    auto const seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    std::uint64_t kills = 0;
    for (auto const& op : operations) {
        auto const undone = outcome(op, false);
        auto const done = outcome(op, true);
        auto const way = scene{op}.child->record();
        for (int round = 0; round != 40; ++round) {
            scene run{op};
            run.child->go(way, random() % way.size());
            run.child->kill();
            for (int reapers = 0; reapers != 2; ++reapers) {
                covey::test::stepped_child next{[] {}, [&] { run.reap(); }};
                for (auto steps = random() % 2'000; steps != 0 && next.step(); --steps) {
                }
                next.kill();
                ++kills;
            }
            REQUIRE(run.reap());
            REQUIRE(run.fsck() == "");
            run.listen();
            auto const seen = read_out(run.survivor->view, run.told);
            INFO(op.name << ": " << seen);
            REQUIRE((seen == done || seen == undone));
        }
    }
    std::cout << "reapers of dead writers: kills " << kills << ", violations 0\n";
}

} // namespace queue_crash_test
