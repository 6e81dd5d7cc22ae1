// Regions whose writers keep dying: what a death leaves in the repair log, and what a quarantine
// keeps from whom.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <covey/shm/map.hpp>
#include <covey/shm/value.hpp>
#include <csignal>
#include <cstdint>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>

namespace quarantine_test {

using covey::put_result;

namespace {

struct room : covey::state
{
    covey::value<std::uint64_t> door{*this, "door"};
    covey::map<std::uint64_t, std::uint64_t> rows{*this, "rows", covey::capacity{16}};
};

// A process of its own dies in the middle of an update, holding the lock.
void die_updating(covey::test::test_segment<room> const& it)
{
    auto const child = ::fork();
    if (child == 0) {
        auto const me = it.join(1);
        me->view.door.update([](std::uint64_t now) -> std::optional<std::uint64_t> {
            ::kill(::getpid(), SIGKILL);
            return now;
        });
        ::_exit(1);
    }
    ::waitpid(child, nullptr, 0);
}

} // namespace

TEST_CASE("a death under a lock is told with its region, also in a caller's function")
{
    covey::test::test_segment<room> it{2};
    auto const me = it.join(0);
    REQUIRE(me->view.door.put(7) == put_result::stored);
    die_updating(it);
    REQUIRE(me->view.door.put(8) == put_result::stored); // inherits the lock and repairs
    auto const told = it.memory.repairs();
    REQUIRE(told.size() == 1);
    CHECK(told.front().where == covey::region{0, 0});
    CHECK_FALSE(told.front().was_writing);
}

TEST_CASE("nobody writes in a quarantined region, and everybody reads it")
{
    covey::test::test_segment<room> it{2};
    auto const me = it.join(0);
    REQUIRE(me->view.door.put(7) == put_result::stored);
    REQUIRE(me->view.rows.put(1, 10) == put_result::stored);
    it.memory.quarantine({0, 0}, true);
    CHECK(it.memory.quarantined() == std::vector<covey::region>{{0, 0}});
    CHECK(me->view.door.put(8) == put_result::quarantined);
    CHECK(me->view.door.get() == 7);
    CHECK(me->view.rows.put(1, 11) == put_result::stored); // another region

    for (auto const where : {covey::region{1, 0}, {1, 1}, {1, 99}, {99, 0}})
        it.memory.quarantine(where, true); // what is not there is passed over
    CHECK(me->view.rows.put(1, 12) == put_result::quarantined);
    CHECK(me->view.rows.erase(1) == covey::erase_result::quarantined);
    CHECK(me->view.rows.get(1) == 11);

    it.memory.end_quarantines();
    CHECK(me->view.door.put(9) == put_result::stored);
    CHECK(me->view.rows.erase(1) == covey::erase_result::erased);
}

} // namespace quarantine_test
