// Rings: the last N rows of all workers, and what subscribers hear of them.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <array>
#include <atomic>
#include <covey/shm/arena.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/ring.hpp>
#include <map>
#include <poll.h>
#include <string>
#include <thread>

namespace ring_test {

namespace {

struct wide_row
{
    std::array<std::int64_t, 64> words{}; // too large for a change ring's record
};
BOOST_DESCRIBE_STRUCT(wide_row, (), (words))

struct journal : covey::state
{
    covey::ring<std::int64_t> recent{*this, "recent", covey::capacity{5}};
    covey::ring<wide_row> wide{*this, "wide", covey::capacity{100}};
    covey::map<std::uint32_t, std::int64_t> rows{*this, "rows", covey::capacity{10}};
};

using cluster = covey::test::test_segment<journal>;
using covey::change_kind;
using numbers = std::vector<std::int64_t>;

numbers rows_of(covey::ring<std::int64_t> const& from, std::uint64_t count = 100)
{
    numbers out;
    std::uint64_t newest = 0;
    for (auto const& one : from.last(count)) {
        CHECK(one.revision > newest);
        newest = one.revision;
        out.push_back(one.row);
    }
    return out;
}

void settle(covey::subscription& changes)
{
    changes.answer();
    do
        changes.dispatch();
    while (!changes.arm());
}

} // namespace

TEST_CASE("a ring is the last N rows of all workers together, oldest first")
{
    cluster three{3};
    auto const a = three.join(0);
    auto const b = three.join(1);
    auto const other_mapping = three.attach();
    covey::test::member<journal> c{other_mapping, 2, three.bells};
    CHECK(rows_of(c.view.recent).empty());
    CHECK(c.view.recent.size() == 0);

    a->view.recent.append(1);
    b->view.recent.append(2);
    auto const third = a->view.recent.append(3);
    CHECK(rows_of(c.view.recent) == numbers{1, 2, 3});
    CHECK(c.view.recent.last(1).front().revision == third);
    CHECK(rows_of(c.view.recent, 2) == numbers{2, 3});
    CHECK(c.view.recent.last(0).empty());

    for (std::int64_t i = 4; i != 20; ++i)
        (i % 3 == 0 ? a : b)->view.recent.append(i);
    CHECK(rows_of(c.view.recent) == numbers{15, 16, 17, 18, 19});
    for (std::int64_t i = 20; i != 24; ++i) // one worker alone
        c.view.recent.append(i);
    CHECK(rows_of(a->view.recent) == numbers{19, 20, 21, 22, 23});
    CHECK(a->view.recent.size() == 5);
    CHECK(a->view.recent.capacity() == 5);

    numbers visited;
    a->view.recent.for_each([&](std::int64_t row, std::uint64_t) { visited.push_back(row); });
    CHECK(visited == numbers{19, 20, 21, 22, 23});
}

TEST_CASE("a worker that is stopped in the middle of an append hides none of the last N")
{
    cluster two{2};
    auto const one = two.join(0);
    for (std::int64_t i = 1; i != 9; ++i)
        one->view.recent.append(i);
    // As far as the stores before the last one.
    auto const& memory = *two.memory.memory();
    auto const& field = memory.places().fields[one->view.recent.index()];
    auto& lane = memory.lane(field, 0);
    lane.claimed.fetch_add(1);
    auto* const entry = memory.lane_entry(field, 0, lane.tail.load());
    entry[0] = two.memory.revision() + 1;
    entry[1] = 99;
    auto const other = two.join(1);
    CHECK(rows_of(other->view.recent) == numbers{4, 5, 6, 7, 8});
    other->view.recent.append(9);
    CHECK(rows_of(other->view.recent) == numbers{5, 6, 7, 8, 9});
}

TEST_CASE("what a worker appended outlives it, and the next one in its block goes on")
{
    cluster two{2};
    two.join(0)->view.recent.append(1);
    REQUIRE(two.memory.reap_block(0, two.bells));
    two.memory.open_block(0, {.pid = ::getpid(), .id = 9, .generation = 1});
    auto const next = two.join(0);
    CHECK(rows_of(next->view.recent) == numbers{1});
    next->view.recent.append(2);
    CHECK(rows_of(two.join(1)->view.recent) == numbers{1, 2});
}

TEST_CASE("appends and puts are told in the order of revisions, once, and wake a sleeper once")
{
    cluster three{3};
    auto const a = three.join(0);
    auto const b = three.join(1);
    auto const reader = three.join(2);
    a->view.recent.append(-1); // before the subscription: not told
    covey::subscription changes{reader->who};
    std::vector<std::pair<std::uint64_t, std::int64_t>> told;
    auto const hear = [&](auto const& one, std::int64_t row) {
        told.emplace_back(one.revision, row);
    };
    changes.on_change(
        reader->view.recent, [&](auto const& one) { hear(one, *one.after); },
        covey::test::every_change);
    changes.on_change(
        reader->view.wide, [&](auto const& one) { hear(one, one.after->words[63]); },
        covey::test::every_change);
    changes.on_change(
        reader->view.rows, [&](auto const& one) { hear(one, *one.after); },
        covey::test::every_change);
    settle(changes);
    REQUIRE(told.empty());

    std::vector<std::pair<std::uint64_t, std::int64_t>> expected;
    for (std::int64_t i = 0; i != 60; ++i) {
        auto& writer = (i % 2 ? a : b)->view;
        wide_row wide;
        wide.words[63] = i;
        auto const revision = i % 3 == 0   ? writer.rows.put(1, i).revision
                              : i % 3 == 1 ? writer.wide.append(wide)
                                           : writer.recent.append(i);
        expected.emplace_back(revision, i);
        pollfd waits{.fd = changes.doorbell(), .events = POLLIN, .revents = 0};
        REQUIRE(::poll(&waits, 1, 0) == 1);
        if (i % 10 != 9)
            continue;
        std::uint64_t rings = 0;
        REQUIRE(::read(changes.doorbell(), &rings, sizeof rings) == sizeof rings);
        CHECK(rings == 1); // however many there were
        settle(changes);
        CHECK(told == expected);
    }
    CHECK(changes.resyncs() == 0);
}

TEST_CASE("a subscriber that falls more than N behind is told a resync and then the last N")
{
    cluster three{3};
    auto const a = three.join(0);
    auto const b = three.join(1);
    auto const reader = three.join(2);
    covey::subscription changes{reader->who};
    numbers told; // -1 for a resync
    changes.on_change(
        reader->view.recent,
        [&](auto const& one) { told.push_back(one.kind == change_kind::resync ? -1 : *one.after); },
        covey::test::every_change);
    b->view.recent.append(1);
    settle(changes);
    for (std::int64_t i = 2; i != 12; ++i)
        (i < 10 ? a : b)->view.recent.append(i);
    settle(changes);
    CHECK(told == numbers{1, -1, 7, 8, 9, 10, 11});
    CHECK(changes.resyncs() == 1);
    told.clear();
    b->view.recent.append(12);
    settle(changes);
    CHECK(told == numbers{12});
}

TEST_CASE("a ring for no rows is refused, and another N is another schema")
{
    struct empty : covey::state
    {
        covey::ring<std::int64_t> none{*this, "none", covey::capacity{0}};
    };
    CHECK_THROWS_AS(covey::segment::create(empty{}.described(), 1, "test"), std::invalid_argument);
    CHECK(journal{}.described().text().find("ring recent i64, capacity 5\n") == 0);
}

TEST_CASE("a ring's reader never sees half a row, nor rows out of order", "[threads]")
{
    struct busy : covey::state
    {
        covey::ring<wide_row> rows{*this, "rows", covey::capacity{8}};
    };
#ifdef __SANITIZE_THREAD__
    constexpr std::int64_t rounds = 2'000;
#else
    constexpr std::int64_t rounds = 10'000;
#endif
    covey::test::test_segment<busy> all{4};
    std::atomic<int> writing = 2;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    auto const check = [&](wide_row const& row, std::map<std::int64_t, std::int64_t>& newest) {
        for (auto const word : row.words)
            wrong += word != row.words[0];
        auto& before = newest[row.words[0] % 2];
        wrong += row.words[0] <= before;
        before = row.words[0];
    };
    for (std::uint32_t block = 0; block != 2; ++block)
        threads.emplace_back([&, block] {
            auto const me = all.join(block);
            for (std::int64_t i = 1; i <= rounds; ++i) {
                wide_row row;
                row.words.fill(2 * i + block);
                me->view.rows.append(row);
            }
            --writing;
        });
    threads.emplace_back([&] { // reads the last rows
        auto const me = all.join(2);
        while (writing != 0) {
            std::map<std::int64_t, std::int64_t> newest;
            std::uint64_t revision = 0;
            for (auto const& one : me->view.rows.last(8)) {
                check(one.row, newest);
                wrong += one.revision <= revision;
                revision = one.revision;
            }
        }
    });
    std::int64_t newest_told = 0;
    threads.emplace_back([&] { // is told
        auto const me = all.join(3);
        covey::subscription changes{me->who};
        std::map<std::int64_t, std::int64_t> newest;
        changes.on_change(
            me->view.rows,
            [&](auto const& one) {
                if (one.kind == change_kind::resync)
                    return newest.clear();
                check(*one.after, newest);
                newest_told = std::max(newest_told, one.after->words[0] / 2);
            },
            covey::test::every_change);
        for (bool last = false; !last;) {
            last = writing == 0;
            do
                changes.dispatch();
            while (!changes.arm());
        }
    });
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
    auto const rows = all.join(2)->view.rows.last(8);
    REQUIRE(rows.size() == 8);
    CHECK(rows.back().row.words[0] / 2 == rounds);
    CHECK(newest_told <= rounds);
}

} // namespace ring_test
