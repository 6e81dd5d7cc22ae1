// A million random steps of deaths, hangs, refusals, reloads and scalings, whatever the kernel
// reports first; and proof that the checker can fail. COVEY_TEST_SEED repeats a run.
#include "simulation/world.hpp"

#include "support/catch.hpp"
#include "support/seed.hpp"

#include <iostream>

namespace simulation_test {

using namespace covey::simulation;
using namespace std::chrono_literals;

TEST_CASE("a million random steps keep every promise of supervision", "[simulation]")
{
    auto const seed = covey::test::seed();
    std::cout << "COVEY_TEST_SEED=" << seed << '\n';
    CAPTURE(seed);
    constexpr std::uint64_t steps_max = 1'000'000;
    constexpr std::uint64_t steps_each = 10'000;
    std::uint64_t steps = 0;
    std::size_t exits = 0;
    std::uint64_t connections = 0;
    for (std::uint64_t episode = 0; steps < steps_max; ++episode) {
        CAPTURE(episode, steps);
        world around{seed + episode};
        auto const live = [&] {
            around.start();
            for (std::uint64_t i = 0; i < steps_each && !around.finished(); ++i, ++steps)
                around.step();
            around.become_quiet();
            around.stop();
        };
        REQUIRE_NOTHROW(live());
        ++steps; // an episode without any ends too
        exits += around.exits();
        connections += around.connections();
    }
    std::cout << steps << " steps, " << exits << " deaths, " << connections << " connections\n";
    CHECK(exits > 1'000);
    CHECK(connections > 100'000);
}

namespace {

supervisor_plan small()
{
    supervisor_plan out;
    out.workers = 1;
    out.workers_max = 2;
    out.blocks = 4;
    return out;
}

order::tell fact_of(std::uint64_t id, fact what)
{
    order::tell out;
    out.id = id;
    out.what = what;
    return out;
}

} // namespace

TEST_CASE("the checker notices what must not be", "[simulation]")
{
    checker eyes{small()};
    eyes.scaled(1);
    eyes.ordered(order::fork{1, 0, 0, 0});
    for (auto const what : {fact::fork, fact::online, fact::listening, fact::ready})
        eyes.ordered(fact_of(1, what));
    eyes.ordered(order::serve{0, 1});

    // Each of these is the first wrong order in a run that was right so far.
    CHECK_THROWS(eyes.ordered(order::fork{2, 0, 0, 0}));           // a block with two owners
    CHECK_THROWS(eyes.ordered(order::fork{1, 0, 1, 0}));           // an id again
    CHECK_THROWS(eyes.ordered(order::fork{9, 1, 1, 0}));           // a seat nobody wants
    CHECK_THROWS(eyes.ordered(order::stop{1, 1s, 0s}));            // while it serves
    CHECK_THROWS(eyes.ordered(order::serve{0, std::nullopt}));     // without an excuse
    CHECK_THROWS(eyes.ordered(order::reap{1, 0}));                 // while it lives
    CHECK_THROWS(eyes.ordered(fact_of(1, fact::ready)));           // twice
    CHECK_THROWS(eyes.ordered(fact_of(1, fact::exit)));            // before the channel was read
    CHECK_THROWS(eyes.ordered(fact_of(7, fact::fork)));            // of nobody
    CHECK_THROWS(eyes.ordered(order::verdict{1, 1, true, 0, ""})); // that nobody asked for
    CHECK_THROWS(eyes.ordered(order::finish{}));                   // while one lives
    CHECK_THROWS(eyes.is_over());
}

TEST_CASE("a machine that is told lies is caught", "[simulation]")
{
    supervisor machine{small(), [] { return 0.0; }};
    checker eyes{small()};
    auto const now = time_point{1'000s};
    auto const run = [&] {
        for (auto some = machine.take_orders(); !some.empty(); some = machine.take_orders())
            for (auto const& one : some) {
                eyes.ordered(one);
                if (auto const* fork = std::get_if<order::fork>(&one))
                    machine.forked(now, fork->id);
            }
    };
    eyes.scaled(1);
    machine.start(now);
    run();
    machine.online(now, 1);
    machine.ready(now, 1);
    run();
    SECTION("a block is said to be reaped and was not")
    {
        machine.exited(now, 1, {}, {});
        machine.disconnected(now, 1);
        eyes.has_excuse(1);
        machine.reaped(now, 1);
        machine.exited(now, 2, {}, {});
        REQUIRE_NOTHROW(run()); // its replacement had a block of its own
        machine.scale(now, 2);  // and this one is given the first
        eyes.scaled(2);
        CHECK_THROWS(run());
    }
    SECTION("a worker is said to be gone and nobody saw it go")
    {
        machine.exited(now, 1, {}, {});
        CHECK_THROWS(run());
    }
    SECTION("a reload is asked for behind the checker's back")
    {
        machine.reload(now);
        machine.stop_now(now);
        eyes.has_excuse(1);
        CHECK_THROWS(run());
    }
}

} // namespace simulation_test
