// The turn to accept (shm/turn.hpp) as a small machine whose every run is looked at.
//
// Three workers and the master that reaps them, each step one access to shared memory; all accesses
// are sequentially consistent, as turn.cpp's are. A worker joins, passes the turn perhaps and
// leaves perhaps (the last only joins); it may die before any step. A run in which nothing can move
// any more, a worker takes connections, and none that takes them knows that it is its turn, is a
// lost turn: clients would wait for ever. Each part of the protocol is taken out in turn to show
// that it is needed; but for the second look of who settles, which is for blocks that are joined
// anew, and here none is.
#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

namespace turn_model_test {

namespace {

struct protocol
{
    bool settle_after_pass = true;
    bool look_again = true;      // after giving the turn in settle
    bool clear_bit_first = true; // else a leaver settles before it clears its bit
    bool reaper_rings = true;    // every bell, after settling
    bool reaper_settles = true;
    int mortals = 0; // so many workers may die
};

constexpr std::uint8_t workers = 3;
constexpr std::uint8_t reaper = workers;
constexpr std::uint8_t nobody = workers;

enum step : std::uint8_t {
    at_rest,
    set_bit,
    pass_read,
    pass_swap,
    pass_ring,
    clear_bit,
    settle_read,
    settle_look,
    settle_swap,
    settle_ring,
    settle_again,
    late_clear, // the leaver of a protocol without clear_bit_first
    ring_all,
};

struct actor
{
    std::uint8_t step = at_rest;
    std::uint8_t stage = 0; // of its life: join, pass, leave; then it only listens
    std::uint8_t seen = 0;  // who had the turn when it read
    std::uint8_t stale = 0; // it was passed since: the count in the word is another
    std::uint8_t next = 0;
    std::uint8_t knows = 0; // that it is its turn: its sockets are in its epoll set
    std::uint8_t dead = 0;  // 1, and 2 once it has been reaped
};

struct machine
{
    std::uint8_t turn = nobody;
    std::array<std::uint8_t, workers> taker{};
    std::array<std::uint8_t, workers> rung{};
    std::array<actor, workers + 1> actors{};
    std::uint8_t deaths = 0;
    std::uint8_t reaping = 0;
};

void give(machine& it, std::uint8_t to)
{
    it.turn = to;
    for (auto& each : it.actors)
        each.stale = each.step != at_rest;
}

class explorer
{
  public:
    explicit explorer(protocol rules)
        : rules_{rules}
    {}

    // Whether some run ends with the turn lost; looks no further then.
    bool loses()
    {
        visit(machine{});
        while (!todo_.empty()) {
            auto const now = todo_.back();
            todo_.pop_back();
            if (!move(now) && is_lost(now))
                return true;
        }
        return false;
    }
    std::size_t states() const { return known_.size(); }

  private:
    void visit(machine const& next)
    {
        std::string key(sizeof next, '\0');
        std::memcpy(key.data(), &next, sizeof next);
        if (known_.insert(std::move(key)).second)
            todo_.push_back(next);
    }

    static bool is_lost(machine const& end)
    {
        bool wanted = false;
        bool held = false;
        for (std::uint8_t i = 0; i < workers; ++i) {
            bool const takes = end.taker[i] != 0 && end.actors[i].dead == 0;
            wanted = wanted || takes;
            held = held || (takes && end.actors[i].knows != 0 && end.turn == i);
        }
        return wanted && !held;
    }

    // Everything that can happen next; false when nothing can.
    bool move(machine const& now)
    {
        bool moved = false;
        for (std::uint8_t i = 0; i < workers; ++i) {
            auto const& it = now.actors[i];
            if (it.dead != 0)
                continue;
            if (now.deaths < rules_.mortals && it.stage > 0) {
                auto next = now;
                next.actors[i] = {};
                next.actors[i].dead = 1;
                ++next.deaths;
                visit(next);
                moved = true;
            }
            if (it.step != at_rest) {
                advance(now, i);
                moved = true;
                continue;
            }
            if (now.rung[i] != 0) { // its loop hears the bell, and looks
                auto next = now;
                next.rung[i] = 0;
                next.actors[i].knows = now.taker[i] != 0 && now.turn == i;
                visit(next);
                moved = true;
            }
            moved = begin(now, i) || moved;
        }
        auto const& master = now.actors[reaper];
        if (master.step != at_rest) {
            advance(now, reaper);
            return true;
        }
        for (std::uint8_t i = 0; i < workers; ++i)
            if (now.actors[i].dead == 1) {
                auto next = now;
                next.actors[i].dead = 2;
                next.reaping = i;
                next.actors[reaper].step = clear_bit;
                visit(next);
                moved = true;
            }
        return moved;
    }

    // What a worker at rest may begin. Joining is not a choice: every worker does.
    bool begin(machine const& now, std::uint8_t i)
    {
        auto const stage = now.actors[i].stage;
        if (stage > 2 || (stage > 0 && i == workers - 1))
            return false;
        auto next = now;
        ++next.actors[i].stage;
        if (stage > 0)
            visit(next); // it does not do that
        if (stage == 0)
            next.actors[i].step = set_bit;
        else if (stage == 1)
            next.actors[i].step = pass_read;
        else
            next.actors[i].step = rules_.clear_bit_first ? clear_bit : settle_read;
        if (stage == 2)
            next.actors[i].knows = 0;
        visit(next);
        return true;
    }

    void finish(machine next, std::uint8_t i)
    {
        auto& it = next.actors[i];
        bool const leaves_late = i != reaper && !rules_.clear_bit_first && it.stage == 3 &&
                                 next.taker[i] != 0 && it.step != late_clear;
        it.step = at_rest;
        it.seen = it.next = it.stale = 0;
        if (leaves_late)
            it.step = late_clear;
        if (i == reaper)
            it.step = rules_.reaper_rings && it.stage == 0 ? ring_all : at_rest;
        visit(next);
    }

    void advance(machine const& now, std::uint8_t i)
    {
        auto next = now;
        auto& it = next.actors[i];
        auto const self = i == reaper ? now.reaping : i;
        switch (it.step) {
        case set_bit:
            next.taker[i] = 1;
            it.step = settle_read;
            return visit(next);
        case late_clear:
            next.taker[i] = 0;
            return finish(next, i);
        case clear_bit:
            next.taker[self] = 0;
            it.step = settle_read;
            if (i == reaper && !rules_.reaper_settles)
                return finish(next, i);
            return visit(next);
        case pass_read:
            it.seen = now.turn;
            it.stale = 0;
            it.step = pass_swap;
            if (now.turn != i)
                return finish(next, i);
            for (std::uint8_t to = 0; to < workers; ++to)
                if (to != i && now.taker[to] != 0) {
                    it.next = to;
                    visit(next);
                }
            return finish(next, i); // nobody to pass it to
        case pass_swap:
            if (it.stale != 0)
                return finish(next, i);
            give(next, it.next);
            it.knows = 0;
            it.step = pass_ring;
            return visit(next);
        case pass_ring:
            next.rung[it.next] = 1;
            if (!rules_.settle_after_pass)
                return finish(next, i);
            it.step = settle_read;
            return visit(next);
        case settle_read:
        case settle_again:
            it.seen = now.turn;
            it.stale = 0;
            it.step = settle_look;
            return visit(next);
        case settle_look: {
            auto const has_it = it.seen;
            if (has_it != nobody && now.taker[has_it] != 0 &&
                !(has_it == i && it.stage == 3 && !rules_.clear_bit_first))
                return finish(next, i);
            it.step = settle_swap;
            bool any = false;
            for (std::uint8_t to = 0; to < workers; ++to)
                if (now.taker[to] != 0 && (rules_.clear_bit_first || to != i || it.stage < 3)) {
                    any = true;
                    it.next = to;
                    visit(next);
                }
            if (any)
                return;
            if (has_it == nobody)
                return finish(next, i);
            it.next = nobody;
            return visit(next);
        }
        case settle_swap:
            if (it.stale != 0) {
                it.step = settle_read;
                return visit(next);
            }
            give(next, it.next);
            it.step = it.next == nobody ? settle_again : settle_ring;
            return visit(next);
        case settle_ring:
            next.rung[it.next] = 1;
            if (!rules_.look_again)
                return finish(next, i);
            it.step = settle_again;
            return visit(next);
        case ring_all:
            next.rung.fill(1);
            it = {};
            return visit(next);
        default:
            return;
        }
    }

    protocol rules_;
    std::unordered_set<std::string> known_;
    std::vector<machine> todo_;
};

bool loses(protocol rules)
{
    return explorer{rules}.loses();
}

} // namespace

TEST_CASE("no interleaving and no death loses the turn to accept", "[model][turn]")
{
    for (int mortals = 0; mortals <= 1; ++mortals) {
        explorer all{{.mortals = mortals}};
        CAPTURE(mortals);
        CHECK_FALSE(all.loses());
        CHECK(all.states() > 1'000);
    }
}

TEST_CASE("every part of the turn's protocol is needed", "[model][turn]")
{
    CHECK(loses({.settle_after_pass = false}));
    CHECK(loses({.clear_bit_first = false}));
    CHECK(loses({.reaper_rings = false, .mortals = 1}));
    CHECK(loses({.reaper_settles = false, .mortals = 1}));
}

} // namespace turn_model_test
