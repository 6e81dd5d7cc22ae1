// Values of any size, killed at every instruction of what writes or removes them: each operation is
// done or not done and announced as often as done, and every chunk is free or belongs to exactly
// one value. The same of whoever repairs.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "support/campaign.hpp"
#include "support/catch.hpp"
#include "support/fsck_chunks.hpp"
#include "support/patterned.hpp"
#include "support/seed.hpp"
#include "support/stepped_child.hpp"
#include "support/test_segment.hpp"

#include <covey/shm/blob_map.hpp>
#include <covey/shm/blob_value.hpp>
#include <covey/shm/chunk_pool.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace blob_crash_test {

using covey::test::number_in;
using covey::test::patterned;

namespace {

// Few and small, so that a repair or a check is short: every instruction of it is one to die at.
struct shelf : covey::state
{
    covey::map<std::uint32_t, covey::string<1'000>> rows{*this, "rows", covey::capacity{5},
                                                         covey::room{13 * 256}};
    covey::map<std::uint32_t, covey::string<1'000>> cache{*this,
                                                          "cache",
                                                          covey::capacity{4},
                                                          covey::room{10 * 256},
                                                          {.full = covey::when_full::evict}};
    covey::value<covey::string<1'000>> front{*this, "front"};
};

using cluster = covey::test::test_segment<shelf>;
using member = covey::test::member<shelf>;

// All there is: rows as 1 + key, the cache's as 101 + key, the value as 0.
using contents = std::map<std::uint32_t, std::string>;

contents all_of(shelf const& view)
{
    contents out;
    view.rows.for_each([&](auto key, auto const& row, auto) { out[1 + key] = row; });
    view.cache.for_each([&](auto key, auto const& row, auto) { out[101 + key] = row; });
    out[0] = view.front.get();
    return out;
}

void fill(shelf& view)
{
    view.rows.put(1, patterned(1, 600));
    view.rows.put(2, patterned(2, 250));
    view.rows.put(3, "");
    view.rows.put(4, patterned(4, 900)); // 9 of 13 chunks
    for (std::uint32_t i = 0; i != 3; ++i)
        view.cache.put(i, patterned(i, 700)); // 9 of 10 chunks
    view.front.put(patterned(5, 500));
}

struct operation
{
    std::string name;
    std::size_t steps; // writes and removals of its own, all told
    std::function<void(shelf&)> run;
};

// Values are made beforehand: what is cut off is the operation.
auto const short_value = patterned(10, 100);
auto const long_value = patterned(11, 500);
auto const too_long_value = patterned(12, 1'000);

std::vector<operation> const operations{
    {"put a new value", 1, [](shelf& of) { of.rows.put(7, long_value); }},
    {"put a longer value", 1, [](shelf& of) { of.rows.put(2, long_value); }},
    {"put a shorter value", 1, [](shelf& of) { of.rows.put(1, short_value); }},
    {"put an empty value", 1, [](shelf& of) { of.rows.put(1, ""); }},
    {"put what the pool has no room for", 0,
     [](shelf& of) {
         of.rows.put(7, too_long_value);
         of.rows.put(2, too_long_value);
     }},
    {"erase", 1, [](shelf& of) { of.rows.erase(1); }},
    {"put what evicts for its chunks", 2, [](shelf& of) { of.cache.put(9, long_value); }},
    {"put a single value", 1, [](shelf& of) { of.front.put(long_value); }},
};

struct scene
{
    explicit scene(operation const& op)
    {
        world.memory.memory()->head().secret = 42; // the same way in every run
        survivor = world.join(1);
        fill(survivor->view);
        before = all_of(survivor->view);
        changes = std::make_unique<covey::subscription>(survivor->who);
        changes->on_change(
            survivor->view.rows, [this](auto const& one) { note(one.kind); },
            covey::test::every_change);
        changes->on_change(
            survivor->view.cache, [this](auto const& one) { note(one.kind); },
            covey::test::every_change);
        changes->on_change(
            survivor->view.front, [this](auto const& one) { note(one.kind); },
            covey::test::every_change);
        child = std::make_unique<covey::test::stepped_child>([&] { victim = world.join(0); },
                                                             [&] { op.run(victim->view); });
    }
    void note(covey::change_kind) { ++told; }

    cluster world{3};
    std::unique_ptr<member> survivor;
    std::unique_ptr<covey::subscription> changes;
    contents before;
    std::size_t told = 0;
    std::unique_ptr<member> victim;
    std::unique_ptr<covey::test::stepped_child> child;
};

std::string damage(scene const& run)
{
    for (std::uint32_t field = 0; field != 3; ++field)
        if (auto found = covey::test::fsck_chunks(run.world.memory, field); !found.empty())
            return found;
    return {};
}

// How the contents differ from before: a row that came, went or changed is a step.
std::size_t steps_between(contents const& before, contents const& now)
{
    std::size_t steps = 0;
    for (auto const& [key, value] : now) {
        auto const old = before.find(key);
        steps += old == before.end() || old->second != value;
    }
    for (auto const& [key, value] : before)
        steps += !now.contains(key);
    return steps;
}

struct tally
{
    std::size_t kills = 0;
    std::size_t violations = 0;
    std::map<std::size_t, std::size_t> seen; // steps made: how often

    void check(bool holds, std::string const& claim)
    {
        violations += !holds;
        if (!holds)
            FAIL_CHECK(claim);
    }
};

// After the death, once the master has reaped the block.
void look(scene& run, operation const& op, bool finished, contents const& readable,
          std::string const& where, tally& all)
{
    auto const now = all_of(run.survivor->view);
    auto const made = steps_between(run.before, now);
    ++all.kills;
    ++all.seen[made];
    all.check(now == readable, where + ": the repair changed what a reader had seen");
    all.check(made <= op.steps && (!finished || made == op.steps),
              where + ": an operation is lost");
    for (auto const& [key, value] : now)
        all.check(value.empty() || number_in(value), where + ": a mixture");
    auto const wrong = damage(run);
    all.check(wrong.empty(), where + ": " + wrong);
    run.changes->dispatch();
    all.check(run.told == made, where + ": not announced exactly once");
    all.check(run.survivor->view.rows.put(2, short_value).stored() &&
                  run.survivor->view.cache.put(3, long_value).stored(),
              where + ": what comes next finds no room");
    auto const later = damage(run);
    all.check(later.empty(), where + ": afterwards " + later);
}

// The worker is dead, and a child stands before reaping its block. Never inlined: two copies would
// be two ways.
[[gnu::noinline]] std::unique_ptr<covey::test::stepped_child> reaper(scene& run)
{
    return std::make_unique<covey::test::stepped_child>(
        [] { std::free(std::malloc(4'096)); }, // the allocator has what the reaper asks for
        [&] { run.world.memory.reap_block(0, run.world.bells); });
}

void print(operation const& op, char const* who, tally const& all)
{
    std::cout << op.name << ": " << who << " killed " << all.kills << " times, violations "
              << all.violations << "; steps made:";
    for (auto const& [made, times] : all.seen)
        std::cout << " " << made << " " << times << "x";
    std::cout << "\n";
}

} // namespace

TEST_CASE("a worker killed at any instruction of a write of chunks loses none and frees none twice",
          "[crash]")
{
    for (auto const& op : operations) {
        tally all;
        auto const way = scene{op}.child->record();
        auto const stride = covey::test::times<std::size_t>(3, 1);
        for (std::size_t number = 0; number < way.size(); number += stride) {
            scene run{op};
            run.child->go(way, number);
            run.child->kill();
            auto const where = op.name + " killed at " + std::to_string(number);
            auto const readable = all_of(run.survivor->view);
            all.check(run.world.memory.reap_block(0, run.world.bells), where + ": no reap");
            look(run, op, number == way.size() - 1, readable, where, all);
        }
        print(op, "worker", all);
        CHECK(all.violations == 0);
        for (std::size_t made = 0; made <= op.steps; ++made)
            CHECK(all.seen[made] > 0);
    }
}

TEST_CASE("whoever repairs a write of chunks may be killed at any instruction of it", "[crash]")
{
    for (auto const& op : operations) {
        if (op.steps == 0)
            continue;
        tally all;
        auto const way = scene{op}.child->record();
        // The worker dies at places all along its way; of each repair a few places, all in all
        // many.
        auto const deaths = covey::test::times<std::size_t>(12, 60);
        auto const places = covey::test::times<std::size_t>(25, 400);
        for (std::size_t death = 1; death != deaths; ++death) {
            auto const number = way.size() * death / deaths;
            std::vector<std::uint64_t> repair;
            {
                scene run{op};
                run.child->go(way, number);
                run.child->kill();
                repair = reaper(run)->record();
            }
            auto const stride = std::max<std::size_t>(1, repair.size() / places);
            for (auto at = death % stride; at < repair.size(); at += stride) {
                scene run{op};
                run.child->go(way, number);
                run.child->kill();
                auto const readable = all_of(run.survivor->view);
                auto const first = reaper(run);
                first->go(repair, at);
                first->kill();
                auto const where = op.name + " killed at " + std::to_string(number) +
                                   ", its repair at " + std::to_string(at);
                all.check(run.world.memory.reap_block(0, run.world.bells), where + ": no reap");
                look(run, op, false, readable, where, all);
            }
        }
        print(op, "repairer", all);
        CHECK(all.violations == 0);
    }
}

TEST_CASE("a value replaced again and again leaves nothing behind", "[crash]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    cluster all{1};
    auto const me = all.join(0);
    auto& rows = me->view.rows;
    auto const& memory = *all.memory.memory();
    auto const in_use = [&] {
        return covey::shm::count_chunks_in_use(memory, memory.places().fields[rows.index()]);
    };
    auto const source = patterned(seed, 1'000);
    constexpr std::uint32_t replacements = 1'000'000;
    std::uint32_t full = 0;
    for (std::uint32_t i = 0; i != replacements; ++i) {
        auto const done = rows.put(i % 3, {source.data(), random() % 1'001});
        full += done == covey::put_result::full;
        if (!done.stored() && done != covey::put_result::full)
            FAIL("put " << i);
    }
    CHECK(full < replacements / 2); // 13 chunks, and up to 20 wanted
    CHECK(covey::test::fsck_chunks(all.memory, rows.index()).empty());
    for (std::uint32_t i = 0; i != 3; ++i)
        rows.erase(i);
    CHECK(in_use() == 0);
    CHECK(covey::test::fsck_chunks(all.memory, rows.index()).empty());
    std::cout << "replacements: " << replacements << ", of which full " << full << "\n";
}

TEST_CASE("random writes of values and random deaths are what a std::map says", "[crash]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    cluster all{2};
    auto const me = all.join(1);
    auto& rows = me->view.rows;
    std::map<std::uint32_t, std::string> model;
    auto const deaths = covey::test::times(150, 3'000);
    std::size_t done = 0;
    for (int death = 0; death != deaths; ++death) {
        for (int i = 0; i != 10; ++i) {
            auto const key = static_cast<std::uint32_t>(random() % 6);
            auto const next = patterned(random(), 8 + random() % 993);
            if (random() % 4 == 0)
                REQUIRE((rows.erase(key) == covey::erase_result::erased) ==
                        (model.erase(key) != 0));
            else if (rows.put(key, next).stored())
                model[key] = next;
            REQUIRE(rows.get(key) ==
                    (model.contains(key) ? std::optional{model[key]} : std::nullopt));
        }
        auto const key = static_cast<std::uint32_t>(random() % 6);
        auto const next = patterned(random(), 8 + random() % 600);
        bool const erases = random() % 4 == 0;
        {
            std::unique_ptr<member> victim;
            covey::test::stepped_child child{[&] { victim = all.join(0); },
                                             [&] {
                                                 if (erases)
                                                     victim->view.rows.erase(key);
                                                 else
                                                     victim->view.rows.put(key, next);
                                             }};
            for (auto steps = random() % 2'500; steps != 0 && child.step(); --steps)
                ;
        }
        REQUIRE(all.memory.reap_block(0, all.bells));
        auto const now = rows.get(key);
        auto const before = model.contains(key) ? std::optional{model[key]} : std::nullopt;
        if (now != before) {
            REQUIRE(now == (erases ? std::nullopt : std::optional{next}));
            ++done;
            model.erase(key);
            if (now)
                model[key] = *now;
        }
        REQUIRE(covey::test::fsck_chunks(all.memory, rows.index()).empty());
        contents found;
        rows.for_each([&](auto one, auto const& row, auto) { found[one] = row; });
        REQUIRE(found == model);
    }
    std::cout << "random deaths: " << deaths << ", after the commit " << done << "\n";
}

} // namespace blob_crash_test
