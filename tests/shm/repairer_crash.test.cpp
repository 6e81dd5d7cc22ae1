// The repairer killed: one process dies at every point of an operation where shared memory has
// become another, the next one that meets its lock dies at every point of its repair, and the one
// after that must leave what a single repair would have left, announced as often as done.
//
// The quick form kills a repairer wherever its last instruction has changed shared memory: between
// two such points its death leaves the same memory as at the first of them. The long form
// (docs/internals/testing.md) kills it at every instruction, and repairs by the master as well.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "map_scene.hpp"

#include "support/campaign.hpp"
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/memory_image.hpp"
#include "support/stepped_child.hpp"

#include <covey/shm/commit.hpp>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace repairer_crash_test {

using namespace covey::test::map_scene;
using covey::test::memory_image;
using covey::test::stepped_child;

namespace {

constexpr std::uint32_t victim_block = 0;
constexpr std::uint32_t repairer_block = 1;
constexpr std::uint32_t survivor_block = 2;

// A world in which one process will die in an operation and another in the repair.
struct scene
{
    explicit scene(operation const& op)
    {
        seed(world);
        survivor = world.join(survivor_block);
        child = std::make_unique<stepped_child>([&] { victim = world.join(victim_block); },
                                                [&] { op.run(victim->view); });
    }

    void end_victim()
    {
        child->kill();
        world.memory.open_block(victim_block, {.pid = 1, .id = 1, .generation = 1});
    }

    // A child that stands before a repair. Never inlined: two copies would be two ways.
    [[gnu::noinline]] std::unique_ptr<stepped_child> repairer(bool by_master)
    {
        return std::make_unique<stepped_child>([this] { second = world.join(repairer_block); },
                                               [this, by_master] {
                                                   if (by_master)
                                                       world.memory.reap_block(victim_block,
                                                                               world.bells);
                                                   else
                                                       second->view.rows.erase("none");
                                               });
    }

    // The rest of the repair, by who lives, and what can be told of the world then.
    std::string settle(std::uint64_t told_before)
    {
        std::ostringstream out;
        out << (survivor->view.rows.erase("none") == covey::erase_result::missing ? "" : "busy ");
        out << (world.memory.reap_block(repairer_block, world.bells) ? "" : "not reaped ");
        out << (world.memory.reap_block(victim_block, world.bells) ? "" : "not reaped ");
        survivor->view.rows.for_each([&](auto const& key, twin const& row, auto revision) {
            out << std::string_view{key} << "=" << row.left << "/" << row.right << "@" << revision
                << " ";
        });
        auto const& memory = *world.memory.memory();
        for (std::uint32_t block = 0; block != world.memory.blocks(); ++block) {
            auto const tail = memory.block(block).ring_tail.load();
            for (auto i = block == victim_block ? told_before : 0; i < tail; ++i) {
                auto const& one =
                    memory.at<covey::shm::record>(memory.places().record_offset(block, i));
                out << "told " << one.kind.load() % 256 << "@" << one.revision.load() << " ";
            }
        }
        return out.str() + covey::test::fsck(world.memory, survivor->view.rows.index());
    }

    std::uint64_t told() const
    {
        return world.memory.memory()->block(victim_block).ring_tail.load();
    }

    cluster world{3};
    std::unique_ptr<member> survivor;
    std::unique_ptr<member> victim;
    std::unique_ptr<member> second;
    std::unique_ptr<stepped_child> child;
};

// The instructions before which shared memory has become another, and, at the end, the last one.
struct way
{
    way(covey::segment const& memory, stepped_child& child)
    {
        memory_image last{memory};
        addresses = child.record([&](std::size_t number) {
            if (number == 0 || !last.is_current())
                turns.push_back(number);
        });
        if (turns.back() != addresses.size() - 1)
            turns.push_back(addresses.size() - 1);
    }

    std::vector<std::uint64_t> addresses;
    std::vector<std::size_t> turns;
};

void kill_repairers(scene& run, bool by_master, std::uint64_t told, std::string const& at,
                    covey::test::campaign& count)
{
    memory_image const dead{run.world.memory};
    auto const expected = run.settle(told);
    dead.restore();
    way const repair{run.world.memory, *run.repairer(by_master)};
    auto const kill_at = [&](std::size_t number) {
        dead.restore();
        auto const child = run.repairer(by_master);
        child->go(repair.addresses, number);
        child->kill();
        count.count("repairers killed");
        auto const found = run.settle(told);
        count.expect(found == expected, at + ", its repairer at " + std::to_string(number) +
                                            ": a second repair left " + found + ", not " +
                                            expected);
    };
    if (covey::test::long_form())
        for (std::size_t number = 0; number != repair.addresses.size(); ++number)
            kill_at(number);
    else
        for (auto const number : repair.turns)
            kill_at(number);
}

} // namespace

TEST_CASE(
    "a repairer killed at any point of a repair is followed by the next, which leaves what one "
    "repair would have left",
    "[crash][repairer]")
{
    for (auto const& op : operations) {
        if (op.name == "value" || op.name == "fetch and modify" || op.name == "compare and set")
            continue; // their writes are updates, too
        covey::test::campaign count{"repairs of " + op.name + " cut off"};
        way const operation = [&] {
            scene run{op};
            return way{run.world.memory, *run.child};
        }();
        for (std::size_t i = 0; i != operation.turns.size(); ++i)
            for (bool const by_master : {false, true}) {
                if (!covey::test::long_form() && by_master != (i % 2 == 1))
                    continue;
                scene run{op};
                auto const told = run.told();
                run.child->go(operation.addresses, operation.turns[i]);
                run.end_victim();
                count.count("writers killed");
                kill_repairers(run, by_master, told,
                               op.name + " killed at " + std::to_string(operation.turns[i]), count);
            }
        CHECK(count.counted("repairers killed") > 10 * operation.turns.size());
    }
}

} // namespace repairer_crash_test
