#include "master/supervised.hpp"

#include "support/catch.hpp"

namespace supervisor_test {

using namespace covey::test;
using covey::giveup_action;

TEST_CASE("a life's facts come in order, each once, whatever is reported first", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    auto const status = by_code(3);
    SECTION("the exit first")
    {
        it.machine.exited(it.now, 1, status, {});
        it.machine.disconnected(it.now, 1);
        it.machine.closed(it.now, 1);
    }
    SECTION("the channel's end first")
    {
        it.machine.disconnected(it.now, 1);
        it.machine.exited(it.now, 1, status, {});
        it.machine.closed(it.now, 1);
    }
    SECTION("the output's end first, and everything twice")
    {
        for (int i = 0; i < 2; ++i) {
            it.machine.closed(it.now, 1);
            it.machine.disconnected(it.now, 1);
            it.machine.exited(it.now, 1, status, {});
            it.machine.ready(it.now, 1);
        }
    }
    it.run();
    CHECK(it.story(1) == "fork online listening ready disconnect exit close");
    CHECK(it.told(fact::exit).at(0).status == status);
    CHECK_FALSE(it.machine.life(1));
}

TEST_CASE("what a worker said last counts, though its process has ended", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start();
    it.machine.exited(it.now, 1, by_code(0), {});
    it.machine.online(it.now, 1);
    it.machine.ready(it.now, 1);
    it.machine.suicide(it.now, 1, "bye");
    it.dies(1, by_code(0));
    CHECK(it.story(1) == "fork online ready suicide disconnect exit close");
    CHECK(it.told(fact::exit).at(0).planned);
    CHECK(it.told(fact::exit).at(0).text == "suicide: bye");
    CHECK(it.all<order::serve>().empty());
    CHECK(it.forks() == 2);
}

TEST_CASE("close waits for the output's end and exit does not", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.machine.exited(it.now, 1, by_code(0), {});
    it.machine.disconnected(it.now, 1);
    it.run();
    CHECK(it.story(1) == "fork online listening ready disconnect exit");
    it.machine.closed(it.now, 1);
    it.run();
    CHECK(it.story(1) == "fork online listening ready disconnect exit close");
}

TEST_CASE("a worker that is not online has no online event and still ends", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start();
    it.pass(30s);
    CHECK(it.signals(1) == std::vector{SIGKILL});
    it.dies(1, by_signal(SIGKILL));
    CHECK(it.story(1) == "fork disconnect exit close");
    auto const exit = it.told(fact::exit).at(0);
    CHECK_FALSE(exit.planned);
    CHECK_FALSE(exit.possibly_oom); // it was this master
    CHECK(exit.text == "it was not online in time");
}

TEST_CASE("a crash is replaced at once in its seat, with a block of its own", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start_ready();
    it.reaps = false;
    it.dies(2, by_signal(SIGSEGV));
    auto const fork = it.all<order::fork>().back();
    CHECK(fork.id == 3);
    CHECK(fork.seat == 1);
    CHECK(fork.block == 2); // the dead one's is not reaped yet
    CHECK_FALSE(it.serving(1));
    CHECK(it.serving(0) == 1U);
    it.ready(3);
    CHECK(it.serving(1) == 3U);
}

TEST_CASE("a SIGKILL that nobody here has sent may be the kernel's", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.dies(1, by_signal(SIGKILL));
    CHECK(it.told(fact::exit).at(0).possibly_oom);
    CHECK_FALSE(it.told(fact::exit).at(0).planned);
}

TEST_CASE("suicide and the exit behind it make one replacement, at once", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.suicide(1);
    CHECK(it.forks() == 2);
    CHECK_FALSE(it.stopped(1)); // it stops by itself
    CHECK_FALSE(it.serving(0));
    SECTION("its exit comes before the replacement is ready")
    {
        it.dies(1, by_code(1));
        it.ready(2);
    }
    SECTION("and behind it")
    {
        it.ready(2);
        it.dies(1, by_code(1));
    }
    CHECK(it.serving(0) == 2U);
    CHECK(it.forks() == 2);
    CHECK(it.told(fact::exit).at(0).planned);
    CHECK(it.told(fact::suicide).at(0).text == "tired");
}

TEST_CASE("who announced its suicide and stays is killed", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.suicide(1);
    it.ready(2);
    it.pass(31s);
    CHECK(it.signals(1) == std::vector{SIGKILL});
    CHECK(it.signals(2).empty());
}

TEST_CASE("failures beyond the intensity give up once, with their history", "[supervisor]")
{
    auto plan = plan_for(2);
    plan.restart.intensity = 3;
    supervised it{plan};
    it.start_ready();
    it.dies(1, by_signal(SIGSEGV)); // free
    for (int i = 0; i < 4; ++i) {
        it.pass(10s);
        it.dies(it.newest(), by_code(1), "no database");
    }
    REQUIRE(it.told(fact::giveup).size() == 1);
    auto const text = it.told(fact::giveup).at(0).text;
    CHECK(text.find("30.0 s ago, worker 3 (seat 0, generation 0): exit code 1: no database") !=
          std::string::npos);
    CHECK(it.machine.has_given_up());
    auto const forks = it.forks();
    it.pass(1h);
    CHECK(it.forks() == forks);
    CHECK(it.serving(1) == 2U); // the healthy one goes on
    CHECK_FALSE(it.machine.next());

    SECTION("until reset_restarts")
    {
        it.machine.reset_restarts(it.now);
        it.run();
        CHECK(it.forks() == forks + 1);
        CHECK_FALSE(it.machine.has_given_up());
    }
    SECTION("until a reload succeeds")
    {
        it.machine.reload(it.now);
        it.run();
        it.all_ready();
        CHECK(it.machine.ready_seats() == 2);
        CHECK_FALSE(it.machine.has_given_up());
    }
    SECTION("a reload that fails changes nothing")
    {
        it.machine.reload(it.now);
        it.run();
        it.dies(it.newest(), by_code(1));
        CHECK(it.machine.has_given_up());
        CHECK(it.serving(1) == 2U);
    }
}

TEST_CASE("fifty kills of ready workers do not give up, unless no death is free", "[supervisor]")
{
    auto plan = plan_for(1);
    plan.restart.free_deaths = GENERATE(60, 0);
    supervised it{plan};
    it.start_ready();
    for (int i = 0, deaths = 0; i < 500 && deaths < 50 && !it.machine.has_given_up(); ++i) {
        it.pass(200ms);
        it.all_ready();
        if (auto const one = it.serving(0)) {
            it.dies(*one, by_signal(SIGKILL));
            ++deaths;
        }
    }
    CHECK(it.machine.has_given_up() == (plan.restart.free_deaths == 0));
}

TEST_CASE("each give-up policy does what it says", "[supervisor]")
{
    auto plan = plan_for(2);
    plan.restart.intensity = 1;
    plan.restart.on_giveup =
        GENERATE(giveup_action::keep, giveup_action::stop, giveup_action::exit);
    supervised it{plan};
    it.start_ready();
    it.dies(1, by_code(75));
    it.pass(1s);
    it.dies(it.newest(), by_code(1));
    CHECK(it.told(fact::giveup).size() == 1);
    if (plan.restart.on_giveup == giveup_action::keep) {
        CHECK(it.serving(1) == 2U);
        CHECK_FALSE(it.finished());
        return;
    }
    CHECK(it.stopped(2).has_value() == (plan.restart.on_giveup == giveup_action::stop));
    CHECK(it.signals(2).empty() == (plan.restart.on_giveup == giveup_action::stop));
    it.dies(2, by_code(0));
    REQUIRE(it.finished());
    CHECK(it.finished()->find("exit code 1") != std::string::npos);
}

TEST_CASE("the back-off doubles with jitter and nobody waits in the machine for it", "[supervisor]")
{
    supervised it{plan_for(1), 0.5};
    it.start_ready();
    it.dies(1, by_code(75));
    std::vector<milliseconds> waits;
    for (int i = 0; i < 4; ++i) {
        waits.push_back(std::chrono::duration_cast<milliseconds>(*it.machine.next() - it.now));
        it.pass(waits.back());
        it.dies(it.newest(), by_code(1));
    }
    CHECK(waits == std::vector<milliseconds>{87ms, 175ms, 350ms, 700ms});
}

TEST_CASE("planned ends never count as failures", "[supervisor]")
{
    auto plan = plan_for(2);
    plan.restart.intensity = 1;
    plan.restart.free_deaths = 0;
    supervised it{plan};
    it.start_ready();
    for (int i = 0; i < 5; ++i) {
        it.machine.stop_worker(it.now, *it.serving(0), 1s);
        it.machine.recycle(it.now, *it.serving(1));
        it.run();
        it.all_ready();
        it.the_leaving_leave();
        it.machine.reload(it.now);
        it.run();
        it.all_ready();
        it.the_leaving_leave();
        it.machine.scale(it.now, 1);
        it.machine.scale(it.now, 2);
        it.run();
        it.all_ready();
        it.the_leaving_leave();
    }
    CHECK(it.machine.ready_seats() == 2);
    CHECK_FALSE(it.machine.has_given_up());
    for (auto const& exit : it.told(fact::exit))
        CHECK(exit.planned);
}

TEST_CASE("a fatal exit code empties its seat, and the last one the cluster", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start_ready();
    it.dies(1, by_code(78));
    CHECK_FALSE(it.machine.is_staffed(0));
    it.pass(1h);
    CHECK(it.forks() == 2);
    it.dies(2, by_code(78));
    CHECK(it.finished().value().find("no worker is left") == 0);
}

TEST_CASE("an old worker's fatal exit does not empty a seat that a reload renews", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    it.machine.reload(it.now);
    it.run();
    it.dies(1, by_code(78));
    CHECK(it.machine.is_staffed(0));
    it.ready(2);
    CHECK(it.serving(0) == 2U);
    CHECK(it.all<order::verdict>().at(0).done);
}

TEST_CASE("what cannot start at all ends the cluster with one line", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start();
    std::string line;
    SECTION("a refusal")
    {
        it.online(1);
        it.machine.refused(it.now, 1, "another schema\nin detail");
        it.dies(1, by_code(78));
        line = "worker 0 could not start: another schema";
    }
    SECTION("exit code 78")
    {
        it.dies(1, by_code(78));
        line = "worker 0 could not start: exit code 78";
    }
    SECTION("no such program")
    {
        auto status = by_code(0);
        status.not_executed =
            boost::system::errc::make_error_code(boost::system::errc::no_such_file_or_directory);
        it.dies(2, status);
        CHECK(it.told(fact::error).at(0).failed == status.not_executed);
        line = "worker 1 could not start: not executed: No such file or directory";
    }
    it.the_leaving_leave();
    CHECK(it.finished() == line);
}

TEST_CASE("a start that nobody survives is given up and ends the cluster", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start();
    for (int i = 0; i < 20 && !it.finished(); ++i) {
        it.dies(it.newest(), by_code(1));
        while (!it.finished() && it.machine.lives().empty())
            it.pass(100ms);
    }
    CHECK(it.finished() == "worker 0 could not start: exit code 1");
}

TEST_CASE("a fork that fails is told and tried again", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.fork_fails =
        boost::system::errc::make_error_code(boost::system::errc::resource_unavailable_try_again);
    it.start();
    CHECK(it.told(fact::error).size() == 1);
    CHECK(it.machine.lives().empty());
    it.pass(1s);
    CHECK(it.told(fact::error).size() > 2);
    it.fork_fails = {};
    it.pass(10s);
    it.all_ready();
    CHECK(it.machine.ready_seats() == 1);
}

TEST_CASE("a hundred deaths at once are a hundred replacements", "[supervisor]")
{
    supervised it{plan_for(100)};
    it.start_ready();
    for (std::uint64_t id = 1; id <= 100; ++id)
        it.machine.exited(it.now, id, by_signal(SIGKILL), {});
    for (std::uint64_t id = 1; id <= 100; ++id)
        it.machine.disconnected(it.now, id);
    it.run();
    it.pass(1h);
    CHECK(it.forks() == 200);
}

TEST_CASE("a worker that hangs is aborted, then killed, then replaced", "[supervisor]")
{
    supervised it{plan_for(1)};
    it.start_ready();
    CHECK_FALSE(it.machine.next()); // nobody is watched
    it.machine.awake(it.now, 1);
    sample const stuck{7, 1, 0, 0, 0};
    for (int i = 0; i < 70 && it.signals(1).empty(); ++i) {
        it.pass(1s);
        it.machine.sampled(it.now, 1, stuck);
        it.run();
    }
    CHECK(it.signals(1) == std::vector{SIGABRT});
    CHECK_FALSE(it.serving(0));
    it.pass(5s);
    CHECK(it.signals(1) == std::vector{SIGABRT, SIGKILL});
    it.dies(1, by_signal(SIGKILL));
    CHECK(it.told(fact::exit).at(0).text.find("it hung") == 0);
    CHECK(it.forks() == 2);
}

TEST_CASE("a master that slept kills nobody for the time it slept", "[supervisor]")
{
    supervised it{plan_for(2)};
    it.start();
    it.ready(1);
    it.online(2);
    it.machine.awake(it.now, 1);
    it.now += 10min;
    it.machine.tick(it.now);
    it.machine.sampled(it.now, 1, {7, 1, 0, 0, 0});
    it.machine.ready(it.now, 2); // it had said so meanwhile
    it.run();
    it.pass(10s);
    CHECK(it.all<order::signal>().empty());
    CHECK(it.machine.ready_seats() == 2);
}

TEST_CASE("recycling starts the replacement first, k at a time, and retries", "[supervisor]")
{
    auto plan = plan_for(3);
    plan.recycle.age = 60s;
    supervised it{plan};
    it.start_ready();
    it.pass(60s);
    CHECK(it.forks() == 4);
    CHECK(it.serving(0) == 1U);
    it.dies(4, by_code(1)); // the old one goes on
    CHECK(it.serving(0) == 1U);
    CHECK_FALSE(it.told(fact::exit).at(0).planned);
    it.pass(1s);
    CHECK(it.machine.ready_seats() == 3);
    for (int i = 0; i < 5; ++i) {
        it.all_ready();
        it.pass(1s);
    }
    CHECK(it.machine.ready_seats() == 3);
    for (std::uint64_t id = 1; id <= 3; ++id)
        CHECK(it.stopped(id)->spread == 1s);
}

} // namespace supervisor_test
