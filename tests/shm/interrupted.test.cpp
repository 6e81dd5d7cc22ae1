// A process that is held up at any instruction, while others go on: a reader whose row's
// neighbours go and whose cells are taken again, and a writer that stands in the middle of what a
// reader is about to copy. Nobody dies here; a stopped process is one that takes very long.
//
// Built without sanitizers and optimised, as it ships (tests/CMakeLists.txt).
#include "map_scene.hpp"

#include "support/catch.hpp"
#include "support/memory_image.hpp"
#include "support/stepped_child.hpp"

#include <algorithm>
#include <covey/shm/arena.hpp>
#include <covey/shm/link.hpp>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace interrupted_test {

using covey::test::stepped_child;
using covey::test::map_scene::fixed_secret;
using covey::test::map_scene::twin;

namespace {

struct narrow : covey::state // four buckets, two cells: chains, and cells that are soon reused
{
    covey::map<std::uint32_t, twin> rows{*this, "rows", covey::capacity{2}};
};

using cluster = covey::test::test_segment<narrow>;
using member = covey::test::member<narrow>;

constexpr std::uint32_t wanted = 1; // the row that is read

// What a reader in another process has found.
struct finding
{
    bool there = false;
    twin row;
    std::uint64_t revision = 0;
};

struct shared_finding
{
    finding* at = static_cast<finding*>(::mmap(nullptr, sizeof(finding), PROT_READ | PROT_WRITE,
                                               MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    shared_finding() = default;
    shared_finding(shared_finding const&) = delete;
    shared_finding& operator=(shared_finding const&) = delete;
    ~shared_finding() { ::munmap(at, sizeof(finding)); }
};

// Whether a chain begins with this row and goes on.
bool leads_on(cluster const& world, std::uint32_t key)
{
    auto const& memory = *world.memory.memory();
    auto const& field = memory.places().fields[0];
    for (std::uint64_t bucket = 0; bucket != std::uint64_t{1} << field.bucket_bits; ++bucket) {
        covey::shm::link const first{memory.bucket(field, bucket).load()};
        if (first.empty())
            continue;
        auto const cell = memory.cell_offset(field, first.cell());
        auto const& head = memory.at<covey::shm::cell_head>(cell);
        if (memory.slot(cell, field, head.generation.load())[1] == key)
            return head.next.load() != 0;
    }
    return false;
}

// Row `wanted`, and if given a neighbour, which shares its chain or does not.
struct scene
{
    explicit scene(std::uint32_t neighbour = 0)
    {
        world.memory.memory()->head().secret = fixed_secret;
        writer = world.join(0);
        writer->view.rows.put(wanted, {2, 2});
        if (neighbour != 0)
            writer->view.rows.put(neighbour, {3, 3});
    }
    // A child that stands before its reading.
    [[gnu::noinline]] std::unique_ptr<stepped_child> reading(finding& out)
    {
        return std::make_unique<stepped_child>([this] { reader = world.join(1); },
                                               [this, &out] {
                                                   auto const found =
                                                       reader->view.rows.find(wanted);
                                                   if (found)
                                                       out = {true, found->row, found->revision};
                                               });
    }

    cluster world{2};
    std::unique_ptr<member> writer;
    std::unique_ptr<member> reader;
};

// Keys whose rows stand before the wanted one in its chain, or in another chain.
std::uint32_t key_that(bool shares_its_chain)
{
    for (std::uint32_t key = wanted + 1;; ++key)
        if (scene run{key}; leads_on(run.world, key) == shares_its_chain)
            return key;
}

struct interruption
{
    std::string what;
    std::uint32_t neighbour;
    std::function<void(narrow&)> run;
    std::vector<std::int64_t> allowed; // the halves of the row that may be found; 0 for none
};

} // namespace

TEST_CASE(
    "a reader held up at any instruction, while rows go and their cells are taken, finds what "
    "was there or what is",
    "[crash][interrupted]")
{
    auto const before = key_that(true);
    auto const elsewhere = key_that(false);
    std::vector<interruption> const all{
        {"the row before it goes, and another chain takes the cell",
         before,
         [=](narrow& view) {
             view.rows.erase(before);
             view.rows.put(elsewhere, {4, 4});
         },
         {2}},
        {"it goes, and another row takes its cell",
         0,
         [=](narrow& view) {
             view.rows.erase(wanted);
             view.rows.put(elsewhere, {4, 4});
             view.rows.put(before, {5, 5});
         },
         {2, 0}},
        {"it goes and comes again",
         before,
         [=](narrow& view) {
             view.rows.erase(wanted);
             view.rows.put(wanted, {6, 6});
         },
         {2, 0, 6}},
        {"it is written twice",
         0,
         [=](narrow& view) {
             view.rows.put(wanted, {7, 7});
             view.rows.put(wanted, {8, 8});
         },
         {2, 7, 8}},
    };
    shared_finding out;
    for (auto const& one : all) {
        std::size_t violations = 0;
        auto const way = scene{one.neighbour}.reading(*out.at)->record();
        for (std::size_t number = 0; number != way.size(); ++number) {
            scene run{one.neighbour};
            *out.at = {};
            auto const child = run.reading(*out.at);
            child->go(way, number);
            one.run(run.writer->view);
            child->finish();
            auto const& row = out.at->row;
            bool const whole = row.left == row.right &&
                               std::count(one.allowed.begin(), one.allowed.end(), row.left) == 1;
            violations += !whole;
            INFO(one.what << ", at " << number << ": found " << row.left << "/" << row.right);
            CHECK(whole);
        }
        std::cout << one.what << ": readers held up " << way.size() << ", violations " << violations
                  << "\n";
    }
}

TEST_CASE("a writer held up at any instruction tears no change of a reader that is a whole ring "
          "behind",
          "[crash][interrupted]")
{
    constexpr auto ring = static_cast<std::int64_t>(covey::shm::ring_records);
    struct lap
    {
        lap()
        {
            world.memory.memory()->head().secret = fixed_secret;
            reader = world.join(1);
            changes = std::make_unique<covey::subscription>(reader->who);
            changes->on_change(
                reader->view.rows,
                [this](auto const& change) {
                    if (change.kind == covey::change_kind::resync)
                        last = 0;
                    else if (change.kind != covey::change_kind::put ||
                             change.after->left != change.after->right ||
                             change.after->left < last) // the same again behind a resync is none
                        ++violations;
                    else
                        last = change.after->left;
                },
                covey::test::every_change);
            child = std::make_unique<stepped_child>(
                [this] {
                    writer = world.join(0);
                    for (std::int64_t i = 1; i <= ring; ++i)
                        writer->view.rows.put(wanted, {i, i});
                },
                [this] {
                    writer->view.rows.put(wanted, {ring + 1, ring + 1});
                });
        }
        cluster world{2};
        std::unique_ptr<member> reader;
        std::unique_ptr<covey::subscription> changes;
        std::int64_t last = 0;
        std::size_t violations = 0;
        std::unique_ptr<member> writer;
        std::unique_ptr<stepped_child> child;
    };
    std::vector<std::size_t> turns;
    std::vector<std::uint64_t> way;
    {
        lap run;
        covey::test::memory_image last{run.world.memory};
        way = run.child->record([&](std::size_t number) {
            if (!last.is_current())
                turns.push_back(number);
        });
    }
    std::size_t resyncs = 0;
    for (auto const number : turns) {
        lap run;
        run.child->go(way, number);
        while (run.changes->dispatch() != 0) {
        }
        INFO("the writer stands at " << number);
        CHECK(run.violations == 0);
        CHECK(run.last >= ring);
        resyncs += run.changes->resyncs();
        run.child->finish();
        run.changes->dispatch();
        CHECK(run.violations == 0);
        CHECK(run.last == ring + 1);
    }
    std::cout << "a whole ring behind: writers held up " << turns.size() << ", resyncs " << resyncs
              << "\n";
    CHECK(resyncs > 0);
}

} // namespace interrupted_test
