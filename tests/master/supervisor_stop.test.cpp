#include "master/supervised.hpp"

#include "support/catch.hpp"

namespace supervisor_stop_test {

using namespace covey::test;

TEST_CASE("a stop's deadline counts from the stop, and SIGKILL comes behind it", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.machine.stop(it.now, 5s);
    it.run();
    CHECK(it.stopped(1)->deadline == 5s);
    it.pass(5'999ms);
    CHECK(it.signals(1).empty());
    it.pass(1ms);
    CHECK(it.signals(1) == std::vector{SIGKILL});
    it.dies(1, by_signal(SIGKILL));
    CHECK(it.finished() == "");
    CHECK(it.forks() == 1);
}

TEST_CASE("two stops are one, an earlier deadline holds, and stop_now is quick", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.machine.stop(it.now, 5s);
    it.machine.stop(it.now, 9s);
    it.run();
    CHECK(it.all<order::stop>().size() == 1);
    it.machine.stop(it.now, 2s);
    it.run();
    CHECK(it.stopped(1)->deadline == 2s);
    it.machine.stop_now(it.now);
    it.run();
    CHECK(it.signals(1) == std::vector{SIGKILL});
}

TEST_CASE("a stop before online kills, and before ready waits for nothing", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start();
    it.online(2);
    it.machine.stop(it.now, 5s);
    it.run();
    CHECK(it.signals(1) == std::vector{SIGKILL});
    CHECK(it.stopped(2)->deadline == 0ms);
    it.the_leaving_leave();
    CHECK(it.finished() == "");
}

TEST_CASE("a stop without workers is an order, not a call within the call", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.machine.stop(it.now, 5s);
    CHECK_FALSE(it.finished());
    it.run();
    CHECK(it.finished() == "");
}

TEST_CASE("a grandchild that holds the output does not keep a stopping cluster", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.machine.stop(it.now, 1s);
    it.machine.exited(it.now, 1, by_code(0), {});
    it.machine.disconnected(it.now, 1);
    it.run();
    CHECK(it.story(1) == "fork online listening ready disconnect exit close");
    CHECK(it.finished() == "");
}

TEST_CASE("a worker whose channel ended and that stays is killed", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.machine.disconnected(it.now, 1);
    it.run();
    CHECK_FALSE(it.serving(0));
    it.pass(1s);
    CHECK(it.signals(1) == std::vector{SIGKILL});
}

TEST_CASE("scaling down empties the highest seats, scaling up fills the lowest", "[supervisor]")
{
    supervised it{plan_for(3)};
    it.start_ready();
    it.machine.scale(it.now, 1);
    it.run();
    CHECK(it.machine.ready_seats() == 1);
    CHECK(it.stopped(3)->spread == 1s);
    CHECK(it.machine.is_staffed(0));
    CHECK_FALSE(it.machine.is_staffed(1));
    CHECK_FALSE(it.machine.is_served(1));
    it.machine.scale(it.now, 99);
    it.run();
    it.all_ready();
    CHECK(it.machine.seats() == 6);
    CHECK(it.machine.ready_seats() == 6);
    it.machine.scale(it.now, 0);
    it.run();
    it.the_leaving_leave();
    CHECK(it.machine.lives().empty());
    CHECK_FALSE(it.machine.next());
    CHECK_FALSE(it.finished());
}

TEST_CASE("drained workers come back with the next reload, as many as there were", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start_ready();
    it.machine.drain_workers(it.now);
    it.run();
    CHECK(it.machine.ready_seats() == 0);
    CHECK(it.machine.seats() == 2);
    CHECK_FALSE(it.machine.is_staffed(0)); // clients wait in the backlog
    it.the_leaving_leave();
    it.pass(1h);
    CHECK(it.forks() == 2);
    it.machine.reload(it.now);
    it.run();
    it.all_ready();
    CHECK(it.machine.ready_seats() == 2);
    CHECK(it.all<order::verdict>().at(0).done);
}

TEST_CASE("a fork waits for a block, a crashed seat's before a reload's", "[supervisor]")
{
    auto plan = plan_for(2);
    plan.blocks = 3;
    supervised it{plan};
    it.start_ready();
    it.reaps = false;
    it.dies(1, by_signal(SIGSEGV));
    it.dies(2, by_signal(SIGSEGV));
    CHECK(it.forks() == 3);
    it.machine.reaped(it.now, 1);
    it.run();
    CHECK(it.forks() == 4);
    CHECK(it.all<order::fork>().back().block == 0);
}

TEST_CASE("the cluster is announced once, when every seat has been ready", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start();
    it.ready(1);
    CHECK(it.all<order::announce>().empty());
    it.dies(1, by_signal(SIGSEGV));
    it.ready(2);
    it.all_ready();
    CHECK(it.all<order::announce>().size() == 1);
}

TEST_CASE("inputs about lives nobody knows are ignored", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    auto const before = it.orders.size();
    it.machine.recycle(it.now, 77);
    it.machine.stop_worker(it.now, 77, 1s);
    it.machine.awake(it.now, 77);
    it.machine.sampled(it.now, 77, {});
    it.machine.broken(it.now, 77, "what");
    it.suicide(77);
    it.ready(77);
    it.dies(77, by_code(78));
    CHECK(it.orders.size() == before);
    CHECK_FALSE(it.machine.next());
}

} // namespace supervisor_stop_test
