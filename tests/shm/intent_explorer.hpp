// The explorer of intent_model.test.cpp: goes every way that the machine can go.
#pragma once

#include "intent_machine.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace covey::test::intent_model {

class explorer
{
  public:
    explicit explorer(protocol rules)
        : rules_{std::move(rules)}
    {}

    // The first thing that is wrong in any run; empty when nothing is.
    std::string look(scenario const& where)
    {
        scenario_ = where;
        known_.clear();
        todo_.clear();
        wrong_.clear();
        visit(beginning());
        while (!todo_.empty() && wrong_.empty()) {
            auto const now = todo_.back();
            todo_.pop_back();
            if (!move(now))
                check_end(now);
        }
        states += known_.size();
        return wrong_;
    }
    std::size_t states = 0;

  private:
    machine beginning() const
    {
        machine m;
        for (std::uint8_t i = 0; i != writers; ++i) {
            m.actors[i].wish = scenario_.wishes[i];
            m.actors[i].row = scenario_.rows[i];
            m.actors[i].phase = scenario_.wishes[i] == nothing ? gone : waits;
            // Each has written before: its intent names that, and its ring ends with it.
            m.memory[intent_of(i, its_kind)] = update;
            m.memory[intent_of(i, its_word)] = generation_of(1);
            m.memory[intent_of(i, its_target)] = 1;
            m.memory[intent_of(i, its_cell)] = 1;
            m.memory[tail_of(i)] = 1;
        }
        m.memory[generation_of(1)] = 1;
        if (scenario_.row_is_there) {
            m.memory[link0] = 1;
            m.memory[owner_of(1)] = 100;
            auto const slot = slot_of(1, 1);
            m.memory[slot] = 1;
            m.memory[slot + 1] = m.memory[slot + 2] = first_value;
        }
        m.reads = scenario_.reads ? 0 : done_reading;
        m.was_there = static_cast<std::uint16_t>(1 << row_in(m, 0));
        return m;
    }

    void visit(machine m)
    {
        auto const now = row_in(m, 0);
        if (now == garbage || row_in(m, 1) == garbage)
            return wrong("what can be seen is not whole");
        if (m.memory[link0] != 0 && m.memory[link0] == m.memory[link1])
            return wrong("a cell is two rows'");
        if (m.reads != done_reading)
            m.was_there |= static_cast<std::uint16_t>(1 << now);
        std::string key(sizeof m, '\0');
        std::memcpy(key.data(), &m, sizeof m);
        if (known_.insert(std::move(key)).second)
            todo_.push_back(m);
    }
    void wrong(char const* what)
    {
        if (wrong_.empty())
            wrong_ = what;
    }

    // ---- one actor's accesses ----

    static std::uint8_t load(machine const& m, std::uint8_t who, std::uint8_t at)
    {
        auto const& me = m.actors[who];
        for (auto i = me.buffered; i-- > 0;)
            if (me.buffer[i].at == at)
                return me.buffer[i].value;
        return m.memory[at];
    }
    static void put(machine& m, std::uint8_t who, std::uint8_t at, std::uint8_t value,
                    std::uint8_t whose = 0, meaning means = plain)
    {
        auto& me = m.actors[who];
        if (at >= intents_at) // nobody looks there but who inherits, when all has arrived
            return arrive(m, {at, value, whose, means});
        if (me.buffered == me.buffer.size())
            drain(m, who);
        me.buffer[me.buffered++] = {at, value, whose, means};
    }
    static void drain(machine& m, std::uint8_t who)
    {
        auto& me = m.actors[who];
        auto const first = me.buffer[0];
        std::move(me.buffer.begin() + 1, me.buffer.begin() + me.buffered, me.buffer.begin());
        me.buffer[--me.buffered] = {};
        arrive(m, first);
    }
    static void arrive(machine& m, store const& one)
    {
        m.memory[one.at] = one.value;
        if (one.means == is_commit)
            m.committed[one.whose] = 1;
        if (one.means == is_announcement)
            ++m.told[one.whose];
    }
    static void fence(machine& m, std::uint8_t who)
    {
        while (m.actors[who].buffered != 0)
            drain(m, who);
    }

    // ---- what can happen next ----

    bool move(machine const& now)
    {
        bool moved = false;
        auto const next = [&](auto change) {
            machine m = now;
            if (change(m)) {
                moved = true;
                visit(m);
            }
        };
        for (std::uint8_t who = 0; who != writers + 1; ++who) {
            auto const& it = now.actors[who];
            if (it.buffered != 0)
                next([&](machine& m) { return drain(m, who), true; });
            if (who == master) {
                next([&](machine& m) { return reap(m); });
                continue;
            }
            if (it.dead != 0 || it.phase == gone)
                continue;
            next([&](machine& m) { return act(m, who); });
            if (now.deaths < scenario_.mortals && it.phase != waits)
                next([&](machine& m) {
                    m.actors[who].dead = 1;
                    ++m.deaths;
                    return true;
                });
        }
        if (now.reads != done_reading)
            next([&](machine& m) { return read(m), true; });
        return moved;
    }

    // Takes a lock, or inherits it; false while it must wait.
    bool take(machine& m, std::uint8_t who, std::uint8_t shard)
    {
        auto& lock = m.lock[shard];
        auto& me = m.actors[who];
        if (lock != 0) {
            auto const& holder = m.actors[lock - 1];
            if (holder.dead == 0 || holder.buffered != 0)
                return false;
            me.phase = repairs;
            me.whose = 0;
            me.step = 0;
        } else
            me.phase = looks;
        fence(m, who);
        lock = who + 1;
        return true;
    }

    bool act(machine& m, std::uint8_t who)
    {
        auto& me = m.actors[who];
        switch (me.phase) {
        case waits:
            return take(m, who, me.row);
        case repairs:
            if (!repair(m, who, me.row))
                me.phase = looks;
            return true;
        case looks: {
            me.cell = m.memory[link0 + me.row];
            bool const there = me.cell != 0;
            me.does = me.wish;
            if (!there)
                me.does = me.wish == update ? insert : nothing;
            if (me.does == insert)
                me.cell = 1;
            me.phase = works;
            me.step = 0;
            return true;
        }
        case works:
            work(m, who);
            return true;
        }
        return false;
    }

    void work(machine& m, std::uint8_t who)
    {
        auto& me = m.actors[who];
        auto const& steps = rules_.plans[me.does];
        auto const now = steps[me.step++];
        auto const generation = load(m, who, generation_of(me.cell));
        bool const turned =
            std::find(steps.begin(), steps.begin() + me.step, turn) != steps.begin() + me.step;
        bool const flipped = me.does == update && std::find(steps.begin(), steps.begin() + me.step,
                                                            commit) != steps.begin() + me.step;
        auto const slot = slot_of(me.cell, generation + (turned || flipped ? 0 : 1));
        auto const word_now =
            me.does == update ? generation_of(me.cell) : static_cast<std::uint8_t>(link0 + me.row);
        auto const intent = [&](part which, std::uint8_t value) {
            put(m, who, intent_of(who, which), value);
        };
        switch (now) {
        case number:
            intent(its_number, 1);
            intent(its_shard, me.row);
            return;
        case idle:
        case disarm:
            return intent(is_armed, 0);
        case kind:
            return intent(its_kind, me.does);
        case word:
            return intent(its_word, word_now);
        case target:
            return intent(its_target, target_of(me, generation));
        case cell:
            return intent(its_cell, me.cell);
        case mark:
            return intent(its_mark, me.does == insert ? who + 1 : m.memory[owner_of(me.cell)]);
        case arm:
            return intent(is_armed, 1);
        case claim:
            fence(m, who);
            if (m.memory[owner_of(me.cell)] == 0) {
                m.memory[owner_of(me.cell)] = who + 1;
                return;
            }
            if (++me.cell <= cells) {
                me.step = static_cast<std::uint8_t>(
                    std::min(std::find(steps.begin(), steps.end(), idle),
                             std::find(steps.begin(), steps.end(), claim)) -
                    steps.begin());
                return;
            }
            me.cell = 1;
            me.does = nothing;
            me.step = 0;
            return;
        case revision:
            return fence(m, who);
        case key:
            return put(m, who, slot, me.row + 1);
        case left:
            return put(m, who, slot + 1, value_of(who));
        case right:
            return put(m, who, slot + 2, value_of(who));
        case turn:
            fence(m, who);
            ++m.memory[generation_of(me.cell)];
            return;
        case commit:
            return put(m, who, word_now, target_of(me, generation), who, is_commit);
        case record:
            return put(m, who, tail_of(who) + 1 + load(m, who, tail_of(who)) % 2,
                       load(m, who, intent_of(who, its_number)));
        case tail:
            return put(m, who, tail_of(who), load(m, who, tail_of(who)) + 1, who, is_announcement);
        case erasures:
            fence(m, who);
            ++m.memory[erasures0 + me.row];
            return;
        case let_go:
            fence(m, who);
            m.memory[owner_of(me.cell)] = 0; // it is this row's: nobody else lets go of it
            return;
        case unlock:
            fence(m, who);
            m.lock[me.row] = 0;
            me.phase = gone;
            return;
        }
    }
    static std::uint8_t target_of(actor const& me, std::uint8_t generation)
    {
        return me.does == update ? generation + 1 : me.does == insert ? me.cell : 0;
    }

    // One access of a repair of a shard; false when it is over.
    bool repair(machine& m, std::uint8_t who, std::uint8_t shard)
    {
        auto& me = m.actors[who];
        auto const its = [&](part which) { return load(m, who, intent_of(me.whose, which)); };
        auto const end = [&] { put(m, who, intent_of(me.whose, is_armed), 0); };
        switch (me.step) {
        case 0:
            if (me.whose == writers)
                return false;
            if (its(is_armed) == 0 || its(its_shard) != shard) {
                ++me.whose;
                return true;
            }
            me.found = load(m, who, its(its_word)) == its(its_target);
            if (!rules_.repair_disarms_last)
                end();
            break;
        case 1: {
            auto const tail_now = load(m, who, tail_of(me.whose));
            bool const there =
                rules_.repair_looks_at_ring &&
                load(m, who, tail_of(me.whose) + 1 + (tail_now - 1) % 2) == its(its_number);
            if (me.found == 0 || there)
                me.step = 2; // no announcement
            else
                put(m, who, tail_of(me.whose) + 1 + tail_now % 2, its(its_number));
            break;
        }
        case 2:
            put(m, who, tail_of(me.whose), load(m, who, tail_of(me.whose)) + 1, me.whose,
                is_announcement);
            break;
        case 3:
            if (me.found != 0 && its(its_kind) == erase) {
                fence(m, who);
                ++m.memory[erasures0 + shard];
            }
            break;
        case 4: {
            bool const goes = its(its_kind) == (me.found != 0 ? erase : insert);
            fence(m, who);
            auto& owner = m.memory[owner_of(its(its_cell))];
            if (rules_.repair_frees && goes && owner == its(its_mark))
                owner = 0;
            break;
        }
        case 5:
            if (rules_.repair_disarms_last)
                end();
            ++me.whose;
            me.step = 0;
            return true;
        }
        ++me.step;
        return true;
    }

    // The master ends what one of the dead has left.
    bool reap(machine& m)
    {
        auto& me = m.actors[master];
        if (me.phase == repairs) {
            if (!repair(m, master, me.row)) {
                fence(m, master);
                m.lock[me.row] = 0;
                me.phase = waits;
            }
            return true;
        }
        for (std::uint8_t i = 0; i != writers; ++i) {
            auto& it = m.actors[i];
            if (it.dead == 0 || it.reaped != 0 || it.buffered != 0)
                continue;
            if (m.memory[intent_of(i, is_armed)] == 0) {
                it.reaped = 1;
                return true;
            }
            me.row = m.memory[intent_of(i, its_shard)];
            if (!take(m, master, me.row))
                continue;
            if (me.phase == looks) { // nobody had died with it
                m.lock[me.row] = 0;
                me.phase = waits;
                m.memory[intent_of(i, is_armed)] = 0;
            }
            return true;
        }
        return false;
    }

    // ---- the reader of row 0 ----

    static constexpr std::uint8_t done_reading = 100;
    enum noted : std::uint8_t {
        erasures_then,
        link_then,
        generation_then,
        key_then,
        left_then,
        right_then
    };

    void read(machine& m)
    {
        auto& seen = m.seen;
        auto const slot = [&] { return slot_of(seen[link_then], seen[generation_then]); };
        auto const again = [&] {
            seen = {};
            m.reads = m.rounds++ == 0 ? 0 : done_reading; // one more round shows all there is
        };
        switch (m.reads++) {
        case 0:
            seen[erasures_then] = m.memory[erasures0];
            return;
        case 1:
            seen[link_then] = m.memory[link0];
            if (seen[link_then] == 0)
                m.reads = 7;
            return;
        case 2:
            seen[generation_then] = m.memory[generation_of(seen[link_then])];
            return;
        case 3:
            seen[key_then] = m.memory[slot()];
            return;
        case 4:
            seen[left_then] = m.memory[slot() + 1];
            return;
        case 5:
            seen[right_then] = m.memory[slot() + 2];
            return;
        case 6:
            if (rules_.reader_looks_again &&
                m.memory[generation_of(seen[link_then])] != seen[generation_then])
                again();
            return;
        case 7: {
            if (rules_.reader_heeds_erasures && m.memory[erasures0] != seen[erasures_then])
                return again();
            bool const hit = seen[link_then] != 0 && seen[key_then] == 1;
            if (hit && seen[left_then] != seen[right_then])
                return wrong("a reader finds half a row");
            if ((m.was_there >> (hit ? seen[left_then] : 0) & 1) == 0)
                return wrong("a reader finds what was never there");
            seen = {};
            m.was_there = 0;
            m.reads = done_reading;
        }
        }
    }

    void check_end(machine const& m)
    {
        for (std::uint8_t i = 0; i != writers; ++i) {
            auto const& it = m.actors[i];
            if (it.dead == 0 && it.phase != gone)
                return wrong("somebody waits for ever");
            if (m.told[i] > m.committed[i])
                return wrong("announced, and not done or told before");
            if (m.told[i] < m.committed[i])
                return wrong("done, and not announced");
            if (m.memory[intent_of(i, is_armed)] != 0)
                return wrong("an intent stays armed");
        }
        for (std::uint8_t i = 1; i <= cells; ++i) {
            bool const linked = m.memory[link0] == i || m.memory[link1] == i;
            if (linked != (m.memory[owner_of(i)] != 0))
                return wrong(linked ? "a linked cell is free" : "a cell is lost");
        }
    }

    protocol rules_;
    scenario scenario_;
    std::unordered_set<std::string> known_;
    std::vector<machine> todo_;
    std::string wrong_;
};

} // namespace covey::test::intent_model
