// A writer stands at every one of its instructions while another one writes, or while somebody
// begins to watch, and then goes on or dies. Whatever it was doing, what ordered watches are told
// comes in the strict order of revisions, and nothing that happened is left out, nor told twice.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "map_scene.hpp"

#include "support/catch.hpp"
#include "support/stepped_child.hpp"

#include <algorithm>
#include <covey/shm/ring.hpp>
#include <covey/shm/transaction.hpp>
#include <covey/shm/value.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ordered_test {

namespace {

using covey::delivery;

struct house : covey::state
{
    covey::map<std::uint32_t, std::uint64_t> rooms{*this, "rooms", covey::capacity{8}};
    covey::map<std::uint32_t, std::uint64_t> keys{*this, "keys", covey::capacity{8}};
    covey::ring<std::uint64_t> guests{*this, "guests", covey::capacity{8}};
    covey::value<std::uint64_t> other{*this, "other"};
};

using cluster = covey::test::test_segment<house>;
using member = covey::test::member<house>;
using revisions = std::vector<std::uint64_t>;

struct operation
{
    std::string name;
    std::function<void(house&)> run;
    std::size_t changes; // that it is told as
};

std::vector<operation> operations()
{
    return {
        {"an insert", [](house& view) { view.rooms.put(2, 2); }, 1},
        {"an update", [](house& view) { view.rooms.put(1, 3); }, 1},
        {"an erase", [](house& view) { view.rooms.erase(1); }, 1},
        {"an append", [](house& view) { view.guests.append(7); }, 1},
        {"a transaction",
         [](house& view) {
             covey::transact(view, [&](covey::transaction& tx) {
                 tx.put(view.rooms, 1U, std::uint64_t{4});
                 tx.put(view.keys, 1U, std::uint64_t{4});
                 return true;
             });
         },
         2},
    };
}

struct scene
{
    explicit scene(operation const& op)
    {
        world.memory.memory()->head().secret = covey::test::map_scene::fixed_secret;
        other = world.join(2);
        other->view.rooms.put(1, 1);
        other->view.guests.append(1);
        reader = world.join(1);
        changes = std::make_unique<covey::subscription>(reader->who);
        auto const hear = [this](auto const& one) { told.push_back(one.revision); };
        changes->on_change(reader->view.rooms, hear, {.deliver = delivery::ordered});
        changes->on_change(reader->view.keys, hear, {.deliver = delivery::ordered});
        changes->on_change(reader->view.guests, hear, {.deliver = delivery::ordered});
        changes->on_change(reader->view.other, hear, {.deliver = delivery::ordered});
        changes->on_change(reader->view.other, [this](auto const&) { ++told_at_once; },
                           {.deliver = delivery::every});
        settle();
        child = std::make_unique<covey::test::stepped_child>([&] { victim = world.join(0); },
                                                             [&] { op.run(victim->view); });
    }
    void settle()
    {
        do
            changes->dispatch();
        while (!changes->arm());
    }

    cluster world{3};
    std::unique_ptr<member> other;
    std::unique_ptr<member> reader;
    std::unique_ptr<covey::subscription> changes;
    revisions told;
    int told_at_once = 0;
    std::unique_ptr<member> victim;
    std::unique_ptr<covey::test::stepped_child> child;
};

} // namespace

TEST_CASE(
    "ordered: whoever stands or dies at whichever instruction, revisions only rise, none is missed",
    "[crash]")
{
    std::size_t stood = 0;
    std::size_t held_back = 0;
    for (auto const& op : operations()) {
        auto const way = scene{op}.child->record();
        for (std::size_t number = 0; number != way.size(); ++number) {
            INFO(op.name << " at " << number << " of " << way.size());
            scene run{op};
            run.child->go(way, number);
            auto const between = run.other->view.other.put(number).revision;
            run.settle();
            ++stood;
            CHECK(run.told_at_once == 1); // who does not ask for order does not wait
            bool const waits =
                std::find(run.told.begin(), run.told.end(), between) == run.told.end();
            CHECK((!waits || run.changes->holds_back()));
            held_back += waits;
            if (number % 2 == 0) {
                run.child->finish();
            } else {
                run.child->kill();
                run.world.memory.open_block(0, {.pid = run.child->pid(), .id = 1, .generation = 1});
                REQUIRE(run.world.memory.reap_block(0, run.world.bells));
            }
            run.settle();
            auto const last = run.other->view.other.put(number).revision;
            run.settle();
            CHECK_FALSE(run.changes->holds_back());
            auto const rises = [](revisions const& all) {
                return std::is_sorted(all.begin(), all.end());
            };
            CHECK(rises(run.told));
            CHECK(std::count(run.told.begin(), run.told.end(), between) == 1);
            CHECK(std::count(run.told.begin(), run.told.end(), last) == 1);
            auto const its = run.told.size() - 2;
            if (number % 2 == 0)
                CHECK(its == op.changes);
            else
                CHECK((its == 0 || its == op.changes));
        }
    }
    std::cout << "ordered: writers stood " << stood << ", newer changes held back " << held_back
              << '\n';
    CHECK(held_back > 0);
}

TEST_CASE(
    "who begins to watch while a writer stands or dies at whichever instruction misses nothing",
    "[crash]")
{
    using rooms = std::map<std::uint32_t, std::uint64_t>;
    std::size_t stood = 0;
    for (auto const& op : operations()) {
        auto const way = scene{op}.child->record();
        // Every third instruction, each time others, for there are two ways to begin.
        for (std::size_t number = way.size() % 3; number < way.size(); number += 3) {
            INFO(op.name << " at " << number << " of " << way.size());
            scene run{op};
            run.child->go(way, number);
            rooms late;
            rooms back;
            std::map<std::uint64_t, int> told;
            auto const follow = [](rooms& mirror, auto const& one) {
                if (one.kind == covey::change_kind::resync)
                    return one.resync.complete ? mirror.clear() : void();
                if (one.after)
                    mirror[one.key] = *one.after;
                else
                    mirror.erase(one.key);
            };
            run.reader->view.rooms.for_each([&](auto key, auto row, auto) { back[key] = row; });
            auto const known = run.changes->cursor();
            run.changes->on_change(run.reader->view.rooms,
                                   [&](auto const& one) {
                                       follow(late, one);
                                       if (one.kind != covey::change_kind::resync)
                                           ++told[one.revision];
                                   },
                                   {.from = covey::start::everything()});
            run.changes->on_change(run.reader->view.rooms,
                                   [&](auto const& one) { follow(back, one); },
                                   {.from = covey::start::after(known)});
            run.settle();
            ++stood;
            if (number % 2 == 0) {
                run.child->finish();
            } else {
                run.child->kill();
                run.world.memory.open_block(0, {.pid = run.child->pid(), .id = 1, .generation = 1});
                REQUIRE(run.world.memory.reap_block(0, run.world.bells));
            }
            run.settle();
            rooms table;
            run.reader->view.rooms.for_each([&](auto key, auto row, auto) { table[key] = row; });
            CHECK(late == table);
            CHECK(back == table);
            for (auto const& [revision, times] : told)
                CHECK(times == 1);
        }
    }
    std::cout << "watches that began beside a writer that stood: " << stood << '\n';
}

} // namespace ordered_test
