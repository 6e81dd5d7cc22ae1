#include "master/supervised.hpp"

#include "support/catch.hpp"

namespace supervisor_reload_test {

using namespace covey::test;

TEST_CASE("a reload switches when all are ready, and the old ones drain", "[supervisor]")
{
    auto plan = plan_for(3);
    plan.at_once = 2;
    plan.close_spread = 700ms;
    supervised it{plan};
    it.start_ready();
    auto const number = it.machine.reload(it.now);
    it.run();
    CHECK(it.forks() == 5); // two at a time
    it.ready(4);
    CHECK(it.forks() == 6);
    it.ready(5);
    CHECK(it.serving(0) == 1U);
    CHECK(it.machine.generation() == 0);
    it.ready(6);
    CHECK(it.serving(0) == 4U);
    CHECK(it.serving(2) == 6U);
    CHECK(it.machine.generation() == 1);
    CHECK(it.stopped(1)->deadline == 30s);
    CHECK(it.stopped(1)->spread == 700ms);
    auto const verdict = it.all<order::verdict>().at(0);
    CHECK(verdict.done);
    CHECK(verdict.first == number);
    CHECK(it.told(fact::reload_done).size() == 1);
    // A seat is never without: the new one serves before the old one is told.
    bool served = false;
    for (auto const& one : it.orders) {
        if (auto const* serve = std::get_if<order::serve>(&one)) {
            CHECK(serve->id);
            served = served || serve->id == 4U;
        }
        if (auto const* stop = std::get_if<order::stop>(&one); stop && stop->id == 1)
            CHECK(served);
    }
}

TEST_CASE("the first failure ends a reload with one verdict, and the old set stays", "[supervisor]")
{
    auto plan = plan_for(2);
    plan.at_once = 2;
    supervised it{plan};
    it.start_ready();
    it.machine.reload(it.now);
    it.run();
    it.ready(3);
    std::string why;
    SECTION("it dies at its start")
    {
        it.dies(4, by_code(1), "cannot parse the config");
        why = "exit code 1: cannot parse the config";
    }
    SECTION("it is not ready in time")
    {
        it.online(4);
        it.pass(30s);
        it.dies(4, by_signal(SIGKILL));
        why = "it was not ready in time";
    }
    SECTION("it dies while it waits for the others")
    {
        it.dies(3, by_signal(SIGSEGV));
        why = "worker 3 (seat 0, generation 1): signal 11";
    }
    SECTION("it refuses")
    {
        it.online(4);
        it.machine.refused(it.now, 4, "another schema");
        it.dies(4, by_code(78));
        why = "another schema";
    }
    REQUIRE(it.all<order::verdict>().size() == 1);
    auto const verdict = it.all<order::verdict>().at(0);
    CHECK_FALSE(verdict.done);
    CHECK(verdict.text.find(why) != std::string::npos);
    CHECK(verdict.generation == 0);
    CHECK(it.told(fact::reload_failed).size() == 1);
    CHECK(it.serving(0) == 1U);
    CHECK(it.serving(1) == 2U);
    it.the_leaving_leave();
    CHECK(it.machine.lives().size() == 2);
    CHECK_FALSE(it.machine.next());
}

TEST_CASE("reloads that come while one runs are answered by one behind it", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    for (int i = 0; i < 100; ++i)
        it.machine.reload(it.now);
    it.run();
    it.all_ready();
    auto const verdicts = it.all<order::verdict>();
    REQUIRE(verdicts.size() == 2);
    CHECK(verdicts[0].last == 1);
    CHECK(verdicts[1].first == 2);
    CHECK(verdicts[1].last == 100);
    CHECK(it.machine.generation() == 2);
}

TEST_CASE("a reload waits while too many generations are alive", "[supervisor]")
{
    auto plan = plan_for(1);
    plan.generations_max = 2;
    supervised it{plan};
    it.start_ready();
    it.machine.reload(it.now);
    it.run();
    it.all_ready();
    it.machine.reload(it.now);
    it.run();
    CHECK_FALSE(it.machine.is_reloading());
    CHECK(it.forks() == 2);
    it.dies(1, by_code(0));
    CHECK(it.machine.is_reloading());
    it.all_ready();
    CHECK(it.machine.generation() == 2);
}

TEST_CASE("an old worker's crash in mid-reload brings its seat's new one forward", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start_ready();
    it.machine.reload(it.now);
    it.run();
    it.dies(2, by_signal(SIGSEGV)); // its turn has not come
    auto const fork = it.all<order::fork>().back();
    CHECK(fork.seat == 1);
    CHECK(fork.generation == 1);
    it.ready(fork.id);
    CHECK(it.serving(1) == fork.id); // without waiting for the other
    SECTION("and stays when the reload fails")
    {
        it.dies(3, by_code(1));
        CHECK_FALSE(it.all<order::verdict>().at(0).done);
        CHECK(it.serving(1) == fork.id);
        CHECK(it.serving(0) == 1U);
    }
    SECTION("and is not started again when the reload succeeds")
    {
        it.ready(3);
        CHECK(it.all<order::verdict>().at(0).done);
        CHECK(it.forks() == 4);
    }
}

TEST_CASE("scaling in mid-reload gives new seats the new generation", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start_ready();
    it.machine.reload(it.now);
    it.machine.scale(it.now, 3);
    it.run();
    it.all_ready();
    CHECK(it.machine.ready_seats() == 3);
    for (auto const& one : it.machine.lives())
        CHECK((one.planned || one.generation == 1));
    it.machine.reload(it.now);
    it.machine.scale(it.now, 1);
    it.run();
    it.all_ready();
    CHECK(it.machine.ready_seats() == 1);
    CHECK(it.machine.generation() == 2);
}

TEST_CASE("a stop in mid-reload answers it", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.machine.reload(it.now);
    it.machine.reload(it.now);
    it.machine.stop(it.now, 1s);
    it.machine.reload(it.now);
    it.run();
    auto const verdicts = it.all<order::verdict>();
    CHECK(verdicts.size() == 3);
    for (auto const& one : verdicts)
        CHECK(one.text == "the cluster is stopping");
}

TEST_CASE("a reload that the segment has no blocks for fails instead of waiting", "[supervisor]")
{
    auto plan = plan_for(2);
    plan.blocks = 3;
    supervised it{plan};
    it.start_ready();
    it.machine.reload(it.now);
    it.run();
    it.all_ready();
    REQUIRE(it.all<order::verdict>().size() == 1);
    CHECK(it.all<order::verdict>().at(0).text.find("no free block") != std::string::npos);
    CHECK(it.machine.ready_seats() == 2);
}

} // namespace supervisor_reload_test
