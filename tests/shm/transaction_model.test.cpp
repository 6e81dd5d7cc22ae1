// A transaction (shm/transaction_log.hpp) as a small machine whose every run is looked at.
//
// An author writes two keys in two shards; two writers lock a shard each, finish what they find,
// and write one key; a reader takes a look at both; a reaper finishes a dead author's. Each step is
// one access to shared memory, and any of them may die before any step. Store buffers add nothing:
// no one loads, between locking and unlocking, what another could have stored meanwhile, and an
// unlock, like the system's when a process ends, waits for the stores before it; so a writer whose
// stores are late is one that is slow, and those runs are here.
// Each part of the protocol is taken out in turn to show that it is needed.
#include "support/campaign.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace transaction_model_test {

namespace {

struct protocol
{
    bool done_before_unmarking = true; // else the marks go while the decision stands
    bool settling_lock = true;         // else two may finish it at once
    bool heed_marks = true;            // else only who inherits a lock looks
    bool tell_once = true;             // the ring's tail is compared before it is moved
    bool place_before_telling = true;  // else a repairer unmarks its shard before it tells
    bool look_at_marks = true;         // the reader does
    bool look_again = true;            // the reader compares the rows once more
    bool name_before_taking = true;    // else a new row's cell is taken before it is marked
    int mortals = 0;
    bool reads_second_first = false;
};

enum stage : std::uint8_t { none, prepared, committed, done, undone };
enum owner : std::uint8_t { nobody, author, first_writer, second_writer, reaper, dead };

// A key's row: how often it was written, and whether the transaction is among those writes.
struct row
{
    std::uint8_t version = 0;
    std::uint8_t has_it = 0;
};

struct actor
{
    std::uint8_t step = 0;
    std::uint8_t shard = 0;
    std::uint8_t seen = none;
    std::uint8_t inherited = 0;
    std::uint8_t inherited_settling = 0;
    std::uint8_t gone = 0; // dead or at the end
};

constexpr std::uint8_t at_end = 99;

struct machine
{
    std::array<row, 2> rows{};
    std::array<row, 2> target{}; // as written down; means nothing before `committed`
    std::array<std::uint8_t, 2> mark{};
    std::array<std::uint8_t, 2> lock{author, author};
    std::uint8_t settling = nobody;
    std::uint8_t stamp = none;
    std::uint8_t taken = 0; // a cell for a new row
    std::uint8_t told = 0;
    std::uint8_t decided = 0; // for the checks: it was committed once
    std::uint8_t deaths = 0;
    std::array<actor, 4> actors{}; // author, two writers, reaper
    std::array<row, 2> looked{};
    std::uint8_t look = 0;
    std::uint8_t wrong = 0;
};

class explorer
{
  public:
    explicit explorer(protocol rules)
        : rules_{rules}
    {}

    // Whether some run does what must not be; looks no further then.
    bool fails()
    {
        machine start;
        start.actors[2].shard = 1;
        visit(start);
        while (!todo_.empty()) {
            auto const now = todo_.back();
            todo_.pop_back();
            if (now.wrong != 0 || (!move(now) && !ends_well(now)))
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

    static bool ends_well(machine const& end)
    {
        bool const clean = end.mark[0] == 0 && end.mark[1] == 0 && end.stamp == none;
        bool const whole = end.rows[0].has_it == end.decided && end.rows[1].has_it == end.decided;
        return clean && whole && end.told == end.decided && (end.taken == 0 || end.decided != 0);
    }

    static void put(machine& it, std::size_t key, row next)
    {
        auto& now = it.rows[key];
        it.wrong |= next.version < now.version ||
                    (next.version == now.version && next.has_it != now.has_it);
        now = next;
    }

    bool move(machine const& now)
    {
        bool moved = false;
        for (std::uint8_t i = 0; i != now.actors.size(); ++i) {
            auto const& it = now.actors[i];
            if (it.gone != 0)
                continue;
            bool const begun = i == 0 || it.step != 0;
            if (now.deaths < rules_.mortals && begun) {
                die(now, i);
                moved = true;
            }
            if (i == 0)
                moved = advance_author(now) || moved;
            else
                moved = advance_visitor(now, i) || moved;
        }
        if (now.look != at_end) {
            advance_reader(now);
            moved = true;
        }
        return moved;
    }

    void die(machine const& now, std::uint8_t i)
    {
        auto next = now;
        auto const whose = static_cast<std::uint8_t>(i + 1);
        for (auto* lock : {&next.lock[0], &next.lock[1], &next.settling})
            if (*lock == whose)
                *lock = dead;
        auto const shard = next.actors[i].shard;
        next.actors[i] = {};
        next.actors[i].shard = i == 3 ? 0 : shard;
        next.actors[i].gone = i != 3; // a reaper is followed by another
        ++next.deaths;
        visit(next);
    }

    bool advance_author(machine const& now)
    {
        auto next = now;
        auto& it = next.actors[0];
        auto const go = [&](std::uint8_t step) {
            it.step = step;
            visit(next);
        };
        switch (it.step) {
        case 0:
            if (!rules_.name_before_taking)
                next.taken = 1;
            return go(20), true;
        case 20:
            next.stamp = prepared;
            return go(1), true;
        case 1:
            next.mark[0] = 1;
            return go(2), true;
        case 2:
            next.mark[1] = 1;
            return go(3), true;
        case 3:
            next.taken = 1;
            for (std::size_t key = 0; key != 2; ++key)
                next.target[key] = {static_cast<std::uint8_t>(now.rows[key].version + 1), 1};
            return go(4), true;
        case 4: { // the decision: yes, or there is no room
            auto no = next;
            no.taken = 0;
            no.actors[0].step = 15;
            visit(no);
            next.stamp = committed;
            next.decided = 1;
            return go(5), true;
        }
        case 15:
            next.stamp = undone;
            return go(9), true;
        case 5:
        case 6:
            put(next, it.step - 5, now.target[it.step - 5]);
            return go(it.step + 1), true;
        case 7:
            ++next.told;
            return go(8), true;
        case 8:
            if (rules_.done_before_unmarking)
                next.stamp = done;
            return go(9), true;
        case 9:
        case 10:
            next.mark[it.step - 9] = 0;
            return go(it.step + 1), true;
        case 11:
            next.stamp = none;
            return go(12), true;
        case 12:
            next.lock[1] = nobody;
            return go(13), true;
        case 13:
            next.lock[0] = nobody;
            it.gone = 1;
            return go(at_end), true;
        default:
            return false;
        }
    }

    // A writer, or the reaper on its way through both shards.
    bool advance_visitor(machine const& now, std::uint8_t i)
    {
        auto next = now;
        auto& it = next.actors[i];
        auto const me = static_cast<std::uint8_t>(i + 1);
        bool const reaps = i == 3;
        auto const go = [&](std::uint8_t step) {
            it.step = step;
            visit(next);
            return true;
        };
        auto const leave = [&](bool busy) {
            next.lock[it.shard] = nobody;
            it.inherited = it.inherited_settling = it.seen = 0;
            if (reaps && busy)
                it.shard = 0; // it comes again later
            else if (reaps && it.shard == 0)
                it.shard = 1;
            else if (reaps)
                return go(30);
            else
                it.gone = 1;
            return go(reaps ? 1 : at_end);
        };
        switch (it.step) {
        case 0:
            if (reaps && (now.actors[0].gone == 0 || now.actors[0].step == at_end))
                return false; // nobody to reap
            return go(1);
        case 1:
            if (now.lock[it.shard] != nobody && now.lock[it.shard] != dead)
                return false;
            it.inherited = now.lock[it.shard] == dead;
            next.lock[it.shard] = me;
            return go(2);
        case 2:
            if (now.mark[it.shard] == 0 || (!rules_.heed_marks && it.inherited == 0))
                return go(reaps ? 12 : 11);
            return go(3);
        case 3:
            return go(now.stamp == prepared || now.stamp == committed ? 4 : 10);
        case 4:
            if (!rules_.settling_lock)
                return go(5);
            if (now.settling != nobody && now.settling != dead)
                return leave(true); // it waits, in vain perhaps
            next.settling = me;
            return go(5);
        case 5:
            it.seen = now.stamp;
            return go(now.stamp == prepared ? 6 : now.stamp == committed ? 7 : 9);
        case 6:
            if (it.inherited_settling == 0) {
                next.taken = 0;
                it.inherited_settling = 1;
                return go(6);
            }
            next.stamp = undone;
            return go(9);
        case 7:
        case 8:
            put(next, it.step - 7, now.target[it.step - 7]);
            return go(it.step == 7 ? 8 : 13);
        case 13:
            if (!rules_.place_before_telling && it.inherited_settling == 0) {
                next.mark[it.shard] = 0;
                it.inherited_settling = 1;
                return go(13);
            }
            it.seen = now.told;
            return go(it.seen != 0 && rules_.tell_once ? 15 : 14);
        case 14:
            ++next.told;
            return go(15);
        case 15:
            if (rules_.done_before_unmarking)
                next.stamp = done;
            return go(9);
        case 9:
            if (rules_.settling_lock)
                next.settling = nobody;
            return go(10);
        case 10:
            next.mark[it.shard] = 0;
            return go(reaps ? 12 : 11);
        case 11: // its own write: nothing of this key may be untold, or marked
            next.wrong |= now.decided != 0 && now.told == 0 && now.actors[0].step != at_end;
            next.wrong |= now.mark[it.shard] != 0;
            put(next, it.shard,
                {static_cast<std::uint8_t>(now.rows[it.shard].version + 1),
                 now.rows[it.shard].has_it});
            return go(12);
        case 12:
            return leave(false);
        case 30:
            next.stamp = none;
            it.gone = 1;
            return go(at_end);
        default:
            return false;
        }
    }

    void advance_reader(machine const& now)
    {
        auto next = now;
        std::size_t const first = rules_.reads_second_first ? 1 : 0;
        auto const key = [&](std::size_t i) { return i == 0 ? first : 1 - first; };
        auto const same = [](row a, row b) {
            return a.version == b.version && a.has_it == b.has_it;
        };
        auto const in_vain = [&] {
            next.look = at_end;
            visit(next);
        };
        switch (now.look) {
        case 0:
        case 1:
            next.looked[key(now.look)] = now.rows[key(now.look)];
            ++next.look;
            return visit(next);
        case 2:
        case 4: // a mark, and if there is one, how far it is
            if (now.mark[now.look / 2 - 1] != 0 && rules_.look_at_marks) {
                ++next.look;
                return visit(next);
            }
            next.look += 2;
            return visit(next);
        case 3:
        case 5:
            if (now.stamp != prepared)
                return in_vain();
            ++next.look;
            return visit(next);
        case 6:
        case 7:
            if (rules_.look_again &&
                !same(now.looked[key(now.look - 6)], now.rows[key(now.look - 6)]))
                return in_vain();
            ++next.look;
            return visit(next);
        default: // it believes what it saw
            next.wrong |= now.looked[0].has_it != now.looked[1].has_it;
            return in_vain();
        }
    }

    protocol rules_;
    std::unordered_set<std::string> known_;
    std::vector<machine> todo_;
};

bool fails(protocol rules)
{
    return explorer{rules}.fails();
}

} // namespace

TEST_CASE("no interleaving and no death splits a transaction, tells it twice or takes it back",
          "[model]")
{
    for (int mortals = 0; mortals <= covey::test::times(2, 3); ++mortals)
        for (bool const order : {false, true}) {
            explorer all{{.mortals = mortals, .reads_second_first = order}};
            CAPTURE(mortals, order);
            CHECK_FALSE(all.fails());
            CHECK(all.states() > 500);
        }
}

TEST_CASE("every part of a transaction's protocol is needed", "[model]")
{
    CHECK(fails({.done_before_unmarking = false, .mortals = 1}));
    CHECK(fails({.settling_lock = false, .mortals = 1}));
    CHECK(fails({.heed_marks = false, .mortals = 1}));
    CHECK(fails({.tell_once = false, .mortals = 1}));
    CHECK(fails({.place_before_telling = false, .mortals = 2}));
    CHECK(fails({.look_at_marks = false}));
    CHECK(fails({.look_again = false}));
    CHECK(fails({.name_before_taking = false, .mortals = 1}));
}

} // namespace transaction_model_test
