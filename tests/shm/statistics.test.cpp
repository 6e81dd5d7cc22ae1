// Statistics: sums of what every worker has counted, the dead included.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <covey/shm/arena.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/statistics.hpp>
#include <csignal>
#include <cstdint>
#include <numeric>
#include <sys/wait.h>
#include <unistd.h>

namespace statistics_test {

namespace {

struct visited : covey::state
{
    covey::counter visits{*this, "visits"};
};

using cluster = covey::test::test_segment<visited>;

constexpr std::size_t last = covey::shm::statistics_words - 1;

std::uint64_t sum(cluster const& all, std::size_t number)
{
    return covey::shm::statistics_sum(*all.memory.memory(), number);
}

} // namespace

TEST_CASE("a statistic is the sum of all blocks, and what the master counts is apart")
{
    cluster all{3};
    auto const one = all.join(0);
    auto const two = all.join(2);
    auto const first = covey::shm::statistics_of(one->who);
    auto const second = covey::shm::statistics_of(two->who);
    auto const masters = covey::shm::statistics_of_master(all.memory);
    for (auto const number : {std::size_t{0}, std::size_t{7}, last}) {
        covey::shm::count(first[number], 3);
        covey::shm::count(second[number]);
        covey::shm::count(masters[number], 10);
        CHECK(sum(all, number) == 4);
        CHECK(covey::shm::statistics_by_master(*all.memory.memory(), number) == 10);
    }
    CHECK(sum(all, 1) == 0);
}

TEST_CASE("what a worker counted before it was killed stays in the sum")
{
    cluster all{2};
    for (std::uint64_t life = 1; life <= 3; ++life) {
        auto const child = ::fork();
        if (child == 0) {
            auto const me = all.join(1);
            auto const mine = covey::shm::statistics_of(me->who);
            for (int i = 0; i != 1000; ++i)
                covey::shm::count(mine[5]);
            ::kill(::getpid(), SIGKILL);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFSIGNALED(status));
        REQUIRE(all.memory.reap_block(1, all.bells));
        CHECK(sum(all, 5) == 1000 * life);
        all.memory.open_block(1, {.pid = ::getpid(), .id = 10 + life, .generation = 1});
    }
}

TEST_CASE("lanes touch neither one another nor what lies around them")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    one->view.visits.add(1);
    auto const fill = [](covey::shm::statistics_lane lane) {
        for (auto& each : lane)
            covey::shm::count(each, ~std::uint64_t{0});
    };
    fill(covey::shm::statistics_of(one->who));
    for (auto const& each : covey::shm::statistics_of(two->who))
        CHECK(each.load() == 0);
    fill(covey::shm::statistics_of(two->who));
    for (auto const& each : covey::shm::statistics_of_master(all.memory))
        CHECK(each.load() == 0);
    fill(covey::shm::statistics_of_master(all.memory));
    CHECK(two->view.visits.get() == 1);
    CHECK(all.memory.repairs().empty());
    CHECK(all.memory.owner_of(1).id == 2);
}

TEST_CASE("a process that has the segment sees in it what a tool sees")
{
    cluster all{2};
    auto const within = covey::inspect::over(all.memory, visited{}.described());
    auto const outside = covey::inspect::open(all.memory.lend_read_only());
    CHECK(within.bytes() == outside.bytes());
    CHECK(within.blocks().size() == 2);
    auto const parts = within.memory();
    auto const add = [](std::uint64_t sum, auto const& part) { return sum + part.bytes; };
    CHECK(std::accumulate(parts.begin(), parts.end(), std::uint64_t{0}, add) == within.bytes());
}

} // namespace statistics_test
