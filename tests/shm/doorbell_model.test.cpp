// The doorbell's protocol (shm/doorbell.hpp) as a small machine whose every run is looked at.
//
// One sleeper and two or three writers, each step one access to shared memory; stores wait in
// x86-TSO store buffers and reach memory at any later time; fences and locked operations empty the
// buffer. A writer may die before any step (what it has stored still arrives). A run in which
// nothing can move any more, the sleeper sleeps and something is published that it has not seen, is
// a lost wake-up. Each part of the protocol is taken out in turn to show that it is needed: a
// change of doorbell.cpp or doorbell_relay.cpp belongs here first.
//
// With a relay any writer that finds the sleeper asleep may leave it to the relay, as it would if
// there were more of them, or ring it itself. The relay is never dead, but as slow as can be.
#include "doorbell_machine.hpp"

#include "support/campaign.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <vector>

namespace doorbell_model_test {

using namespace covey::test::doorbell_model;

namespace {

struct digest
{
    std::size_t operator()(machine const& m) const
    {
        static_assert(std::has_unique_object_representations_v<machine>);
        std::string_view const bytes{reinterpret_cast<char const*>(&m), sizeof m};
        return std::hash<std::string_view>{}(bytes);
    }
};

struct verdict
{
    std::size_t states = 0;
    bool lost = false;      // something published was never seen
    bool lost_live = false; // of a writer that did not die
};

verdict explore(protocol const& p)
{
    verdict out;
    std::unordered_set<machine, digest> known;
    machine first;
    for (auto who = static_cast<std::size_t>(p.writers); who != writers_max; ++who)
        first.step[who] = done;
    if (!p.relay)
        first.step[relay] = done;
    std::vector<machine> open{first};
    auto const visit = [&](machine& m) {
        simplify(m);
        if (known.insert(m).second)
            open.push_back(m);
    };
    while (!open.empty()) {
        machine const now = open.back();
        open.pop_back();
        bool moved = false;
        auto const next = [&](auto change) {
            machine m = now;
            if (change(m)) {
                moved = true;
                visit(m);
            }
        };
        for (std::size_t who = 0; who != actors; ++who)
            next([&](machine& m) { return drain_one(m, who); });
        next([&](machine& m) { return sleep_step(m, p); });
        next([&](machine& m) { return relay_step(m, p); });
        for (std::size_t who = 0; who != writers_max; ++who) {
            if (!now.dead[who]) {
                next([&](machine& m) { return write_step(m, who, p); });
                next([&](machine& m) { return leave_step(m, who, p); });
            }
            if (who < p.mortals && !now.dead[who] && now.step[who] != done)
                next([&](machine& m) { return m.dead[who] = true; });
            if (p.rering && now.dead[who] && !now.mourned[who] && now.buffered[who] == 0)
                next([&](machine& m) {
                    ++m.eventfd;
                    return m.mourned[who] = true;
                });
        }
        if (moved)
            continue;
        for (std::size_t who = 0; who != writers_max; ++who)
            if (now.published[who] && now.seen[who] == 0) {
                out.lost = true;
                out.lost_live = out.lost_live || !now.dead[who];
            }
        if (out.lost_live)
            break; // nothing worse can be found
    }
    out.states = known.size();
    return out;
}

} // namespace

TEST_CASE("no wake-up is lost, whatever the order and whoever dies", "[model]")
{
    auto const all = explore({.mortals = 2});
    INFO(all.states << " states");
    CHECK(all.states > 1000);
    CHECK_FALSE(all.lost);
    CHECK_FALSE(explore({}).lost);
}

TEST_CASE("without the writer's fence or the sleeper's a wake-up is lost", "[model]")
{
    CHECK(explore({.writer_fence = false}).lost);
    CHECK(explore({.sleeper_fence = false}).lost);
}

TEST_CASE("without the master's ring a change is lost with the writer that dies before it rings",
          "[model]")
{
    auto const found = explore({.rering = false, .mortals = 2});
    CHECK(found.lost);
    CHECK_FALSE(found.lost_live); // but no living writer's
}

TEST_CASE("without RINGING a living writer's change is lost when another dies ringing", "[model]")
{
    CHECK(explore({.ringing = false, .rering = false, .mortals = 2}).lost_live);
}

TEST_CASE("without the sleep's number a slow ringer marks the next sleep as rung", "[model]")
{
    // It takes three: a slow one, one that dies ringing the next sleep, and one that then reads
    // RUNG.
    protocol const three{.rering = false, .mortals = 1, .writers = 3};
    CHECK_FALSE(explore(three).lost_live);
    auto unnumbered = three;
    unnumbered.numbered = false;
    CHECK(explore(unnumbered).lost_live);
}

TEST_CASE("with a relay no wake-up is lost, whatever the order and whoever dies", "[model]")
{
    // One of the two writers may die; with --long both: five million states.
    auto const all = explore({.mortals = covey::test::times<std::size_t>(1, 2), .relay = true});
    INFO(all.states << " states");
    CHECK(all.states > 100'000);
    CHECK_FALSE(all.lost);
}

TEST_CASE("with a relay no living writer's change waits for the master to notice a death",
          "[model]")
{
    CHECK_FALSE(explore({.rering = false, .mortals = 1, .relay = true}).lost_live);
}

TEST_CASE("each part of the relay that is left out or turned round loses a wake-up", "[model]")
{
    CHECK(explore({.relay = true, .wants_first = false}).lost);
    CHECK(explore({.relay = true, .takes_first = false}).lost);
    CHECK(explore({.relay = true, .relay_fence = false}).lost);
    CHECK(explore({.relay = true, .relay_looks_again = false}).lost);
    // What a living writer loses when another dies.
    protocol const dies{.rering = false, .mortals = 1, .relay = true};
    auto silent = dies;
    silent.rings_for_others = false;
    CHECK(explore(silent).lost_live);
    auto hasty = dies;
    hasty.relay_ringing = false;
    CHECK(explore(hasty).lost_live);
}

} // namespace doorbell_model_test
