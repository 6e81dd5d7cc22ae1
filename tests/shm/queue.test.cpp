// Queues: who gets which item, and what becomes of it when a worker ends.
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/test_segment.hpp"

#include <covey/shm/queue.hpp>
#include <poll.h>
#include <utility>
#include <vector>

namespace queue_test {

namespace {

struct board : covey::state
{
    covey::queue<std::int64_t> jobs{*this, "jobs", covey::capacity{6}};
};

using cluster = covey::test::test_segment<board>;
using covey::change_kind;
using covey::erase_result;
using covey::pop_result;
using covey::put_result;
using numbers = std::vector<std::int64_t>;

// The worker in the block has ended; the master has reaped it, and another one takes the block.
void end_worker(cluster& all, std::uint32_t block)
{
    REQUIRE(all.memory.reap_block(block, all.bells));
    CHECK(covey::test::fsck(all.memory, 0) == "");
    all.memory.open_block(block, {.pid = ::getpid(), .id = block + 100, .generation = 1});
}

numbers drain(board& view)
{
    numbers out;
    while (auto const job = view.jobs.pop()) {
        out.push_back(job->row);
        CHECK(view.jobs.acknowledge(*job) == erase_result::erased);
    }
    return out;
}

} // namespace

TEST_CASE("items are popped in the order of their pushes, each by one worker")
{
    cluster both{2};
    auto const one = both.join(0);
    auto const other_mapping = both.attach();
    covey::test::member<board> two{other_mapping, 1, both.bells};

    CHECK(one->view.jobs.pop().result == pop_result::empty);
    auto const pushed = one->view.jobs.push(7);
    REQUIRE(pushed == put_result::stored);
    REQUIRE(two.view.jobs.push(8) == put_result::stored);
    REQUIRE(one->view.jobs.push(9) == put_result::stored);
    CHECK(two.view.jobs.size() == 3);

    auto const seven = two.view.jobs.pop();
    REQUIRE(seven);
    CHECK(seven->row == 7);
    CHECK(seven->id == pushed.revision);
    CHECK(seven->deliveries == 1);
    auto const eight = one->view.jobs.pop();
    REQUIRE(eight);
    CHECK(eight->row == 8);
    CHECK(eight->id > seven->id);
    CHECK(one->view.jobs.size() == 1);
    CHECK(one->view.jobs.leased() == 2);
    CHECK(two.view.jobs.acknowledge(*seven) == erase_result::erased);
    CHECK(one->view.jobs.leased() == 1);
    CHECK(covey::test::fsck(both.memory, 0) == "");
    CHECK(drain(two.view) == numbers{9});
}

TEST_CASE("a queue for N items holds N, those that are leased too")
{
    cluster one{1};
    auto const me = one.join(0);
    for (int round = 0; round != 3; ++round) {
        for (std::int64_t i = 0; i != 6; ++i)
            REQUIRE(me->view.jobs.push(i) == put_result::stored);
        CHECK(me->view.jobs.push(6) == put_result::full);
        auto const first = me->view.jobs.pop();
        CHECK(me->view.jobs.push(6) == put_result::full);
        REQUIRE(me->view.jobs.acknowledge(*first) == erase_result::erased);
        CHECK(me->view.jobs.push(6) == put_result::stored);
        CHECK(me->view.jobs.push(7) == put_result::full);
        CHECK(covey::test::fsck(one.memory, 0) == "");
        CHECK(drain(me->view) == numbers{1, 2, 3, 4, 5, 6});
    }
}

TEST_CASE("an item that is given back takes its old place, and tells how often it was popped")
{
    cluster both{2};
    auto const one = both.join(0);
    auto const two = both.join(1);
    for (std::int64_t i = 1; i != 6; ++i)
        one->view.jobs.push(i);
    auto const first = one->view.jobs.pop();
    auto const second = two->view.jobs.pop();
    auto const third = one->view.jobs.pop();
    REQUIRE(one->view.jobs.give_back(*third) == put_result::stored);
    REQUIRE(one->view.jobs.give_back(*first) == put_result::stored);
    REQUIRE(two->view.jobs.give_back(*second) == put_result::stored);
    CHECK(covey::test::fsck(both.memory, 0) == "");
    auto const again = two->view.jobs.pop();
    CHECK(again->row == 1);
    CHECK(again->id == first->id);
    CHECK(again->deliveries == 2);
    CHECK(drain(one->view) == numbers{2, 3, 4, 5});
    REQUIRE(two->view.jobs.give_back(*again) == put_result::stored); // into an empty queue
    REQUIRE(one->view.jobs.push(9) == put_result::stored);
    CHECK(one->view.jobs.pop()->deliveries == 3);
    CHECK(drain(one->view) == numbers{9});
}

TEST_CASE("only the worker that has an item can end its lease, once, and of this delivery only")
{
    cluster both{2};
    auto const one = both.join(0);
    auto const two = both.join(1);
    one->view.jobs.push(1);
    auto const held = one->view.jobs.pop();
    CHECK(two->view.jobs.acknowledge(*held) == erase_result::missing);
    CHECK(two->view.jobs.give_back(*held) == put_result::missing);
    REQUIRE(one->view.jobs.give_back(*held) == put_result::stored);
    CHECK(one->view.jobs.give_back(*held) == put_result::missing);
    CHECK(one->view.jobs.acknowledge(*held) == erase_result::missing);
    auto const again = one->view.jobs.pop();
    CHECK(one->view.jobs.acknowledge(*held) == erase_result::missing); // another delivery
    CHECK(one->view.jobs.acknowledge(*again) == erase_result::erased);
    CHECK(one->view.jobs.acknowledge(*again) == erase_result::missing);
    one->view.jobs.push(2); // the same cell, perhaps
    auto const other = one->view.jobs.pop();
    CHECK(one->view.jobs.acknowledge(*held) == erase_result::missing);
    auto broken = *other;
    broken.cell = ~std::uint64_t{0};
    CHECK(one->view.jobs.acknowledge(broken) == erase_result::missing);
    CHECK(one->view.jobs.acknowledge(*other) == erase_result::erased);
}

TEST_CASE("what a worker had leased when it ended is delivered again, once, and what it had "
          "acknowledged never")
{
    cluster both{2};
    auto const survivor = both.join(1);
    {
        auto const dying = both.join(0);
        for (std::int64_t i = 1; i != 7; ++i)
            dying->view.jobs.push(i);
        auto const first = dying->view.jobs.pop();
        REQUIRE(dying->view.jobs.pop()->row == 2);
        REQUIRE(survivor->view.jobs.pop()->row == 3);
        REQUIRE(dying->view.jobs.pop()->row == 4);
        REQUIRE(dying->view.jobs.acknowledge(*first) == erase_result::erased);
    }
    end_worker(both, 0);
    end_worker(both, 0); // who has leased nothing gives nothing back
    CHECK(survivor->view.jobs.size() == 4);
    auto const second = survivor->view.jobs.pop();
    CHECK(second->row == 2);
    CHECK(second->deliveries == 2);
    CHECK(drain(survivor->view) == numbers{4, 5, 6});
    CHECK(survivor->view.jobs.leased() == 2);
    end_worker(both, 1);
    CHECK(drain(both.join(0)->view) == numbers{2, 3});
}

TEST_CASE("a worker that waits is woken by a push and by an item that comes back, not by its end")
{
    cluster three{3};
    auto const one = three.join(0);
    auto const two = three.join(1);
    auto const waiting = three.join(2);
    covey::subscription changes{waiting->who};
    std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
    changes.on_change(
        waiting->view.jobs, [&](auto const& now) { told.emplace_back(now.id, now.revision); },
        covey::test::every_change);
    auto const rung = [&] {
        pollfd waits{.fd = changes.doorbell(), .events = POLLIN, .revents = 0};
        bool const readable = ::poll(&waits, 1, 0) == 1;
        changes.answer();
        do
            changes.dispatch();
        while (!changes.arm());
        return readable;
    };
    rung();
    auto const id = one->view.jobs.push(1).revision;
    CHECK(rung());
    REQUIRE(told.size() == 1);
    CHECK(told.back() == std::pair{id, id});

    auto const held = one->view.jobs.pop();
    CHECK_FALSE(rung());
    REQUIRE(one->view.jobs.give_back(*held) == put_result::stored);
    CHECK(rung());
    REQUIRE(told.size() == 2);
    CHECK(told.back().first == id);
    CHECK(told.back().second > id);

    REQUIRE(two->view.jobs.pop());
    end_worker(three, 1);
    CHECK(rung());
    REQUIRE(told.size() == 3);
    CHECK(told.back().first == id);

    REQUIRE(one->view.jobs.acknowledge(*one->view.jobs.pop()) == erase_result::erased);
    CHECK_FALSE(rung());
    CHECK(told.size() == 3);
}

TEST_CASE("a subscriber of a queue that is lapped is told so, and nothing it cannot pop")
{
    cluster both{2};
    auto const one = both.join(0);
    auto const slow = both.join(1);
    covey::subscription changes{slow->who};
    std::vector<change_kind> told;
    changes.on_change(
        slow->view.jobs, [&](auto const& now) { told.push_back(now.kind); },
        covey::test::every_change);
    for (int i = 0; i != 5'000; ++i) {
        one->view.jobs.push(i);
        one->view.jobs.acknowledge(*one->view.jobs.pop());
    }
    one->view.jobs.push(1);
    do
        changes.dispatch();
    while (!changes.arm());
    CHECK(told == std::vector{change_kind::resync});
    CHECK(drain(slow->view) == numbers{1});
}

TEST_CASE("nobody pushes or pops in a quarantined queue, and a dead worker's items come back there")
{
    cluster both{2};
    auto const one = both.join(0);
    one->view.jobs.push(1);
    auto const held = one->view.jobs.pop();
    both.memory.quarantine({0, 0}, true);
    CHECK(one->view.jobs.push(2) == put_result::quarantined);
    CHECK(one->view.jobs.pop().result == pop_result::quarantined);
    CHECK(one->view.jobs.acknowledge(*held) == erase_result::quarantined);
    CHECK(one->view.jobs.give_back(*held) == put_result::quarantined);
    end_worker(both, 0);
    both.memory.end_quarantines();
    CHECK(drain(both.join(1)->view) == numbers{1});
}

} // namespace queue_test
