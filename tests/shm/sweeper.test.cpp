// Rows whose time is over, announced without anybody asking for room.
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <covey/shm/map.hpp>
#include <covey/shm/sweeper.hpp>
#include <optional>
#include <vector>

namespace sweeper_test {

using covey::change_kind;
using covey::sweeper;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t room = 64;

struct kept : covey::state
{
    covey::map<std::uint32_t, std::int64_t> plain{*this, "plain", covey::capacity{room}};
    covey::map<std::uint32_t, std::int64_t> rows{
        *this,
        "rows",
        covey::capacity{room},
        {.expires = true, .full = covey::when_full::expire_only}};
};

struct world
{
    world()
    {
        changes.on_change(
            one->view.rows,
            [this](auto const& told) {
                if (told.kind == change_kind::expire)
                    expired.push_back(told.key);
            },
            covey::test::every_change);
    }
    // The first `over` keys are over when this returns.
    void fill(std::uint32_t over, std::uint32_t lasting)
    {
        for (std::uint32_t i = 0; i != over; ++i)
            REQUIRE(one->view.rows.put(i, i, 1ms).stored());
        for (std::uint32_t i = over; i != over + lasting; ++i)
            REQUIRE(one->view.rows.put(i, i, 1h).stored());
        REQUIRE(wait_until([&] {
            for (std::uint32_t i = 0; i != over; ++i)
                if (one->view.rows.contains(i))
                    return false;
            return true;
        }));
    }
    // Each key that was over has been told once.
    bool all_told_once(std::uint32_t over)
    {
        changes.dispatch();
        std::sort(expired.begin(), expired.end());
        for (std::uint32_t i = 0; i != over; ++i)
            if (i >= expired.size() || expired[i] != i)
                return false;
        return expired.size() == over;
    }

    covey::test::test_segment<kept> where{2};
    std::unique_ptr<covey::test::member<kept>> one = where.join(0);
    std::unique_ptr<covey::test::member<kept>> two = where.join(1);
    covey::subscription changes{one->who};
    std::vector<std::uint32_t> expired;
};

} // namespace

TEST_CASE("a sweeper removes rows that are over in slices, and knows when the next one is")
{
    world it;
    sweeper sweeps{it.one->who};
    REQUIRE(sweeps.has_work());
    CHECK_FALSE(sweeps.due());
    it.fill(10, 5);
    REQUIRE(sweeps.due());
    CHECK(*sweeps.due() <= sweeper::clock::now());
    int slices = 0;
    while (sweeps.step(7))
        ++slices;
    CHECK(slices == (room + 6) / 7);
    CHECK(it.all_told_once(10));
    CHECK(it.one->view.rows.size() == 5);
    REQUIRE(sweeps.due());
    CHECK(*sweeps.due() > sweeper::clock::now() + 30min);
    CHECK(covey::test::fsck(it.where.memory, it.one->view.rows.index()).empty());
}

TEST_CASE("two sweepers announce each row once")
{
    world it;
    sweeper first{it.one->who};
    sweeper second{it.two->who};
    it.fill(20, 3);
    while (first.step(5) || second.step(5)) {
    }
    CHECK(it.all_told_once(20));
    CHECK_FALSE(second.step());
}

TEST_CASE("a round that its sweeper does not finish is begun again by another")
{
    world it;
    it.fill(20, 3);
    std::optional<sweeper> first{it.one->who};
    sweeper second{it.two->who};
    REQUIRE(first->step(5));
    CHECK_FALSE(second.step()); // it is the first one's
    SECTION("because it ends")
    {
        first.reset();
    }
    SECTION("because its worker dies and is reaped")
    {
        REQUIRE(it.where.memory.reap_block(0, it.where.bells));
    }
    REQUIRE(second.due());
    while (second.step(5)) {
    }
    CHECK(it.two->view.rows.size() == 3);
}

TEST_CASE(
    "a full map makes room of rows that are over while a sweeper is in the middle of its round")
{
    world it;
    it.fill(room, 0);
    sweeper sweeps{it.two->who};
    REQUIRE(sweeps.step(1));
    CHECK(it.one->view.rows.put(1'000, 1).stored());
    while (sweeps.step(7)) {
    }
    CHECK(it.all_told_once(room));
    CHECK(it.one->view.rows.size() == 1);
}

TEST_CASE("whose own row is over sooner than all others is told so after the write")
{
    world it;
    int told = 0;
    it.one->who.on_sooner_expiry([&] {
        CHECK(it.one->view.rows.size() > 0); // the row is there
        ++told;
    });
    it.one->view.rows.put(1, 1, 2h);
    CHECK(told == 1);
    it.one->view.rows.put(2, 1, 3h);
    it.one->view.rows.put(3, 1);
    it.one->view.plain.put(3, 1);
    CHECK(told == 1);
    it.one->view.rows.put(4, 1, 1h);
    CHECK(told == 2);
}

} // namespace sweeper_test
