// The machine of doorbell_model.test.cpp: what a writer, a sleeper and a relay do step by step,
// each step one access to shared memory, with a store buffer each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace covey::test::doorbell_model {

struct protocol
{
    bool writer_fence = true;
    bool sleeper_fence = true; // else its bit is set by a plain store as well
    bool ringing = true;       // else ARMED > RUNG before the eventfd is written
    bool numbered = true;      // the bell's word carries the number of the sleep
    bool rering = true;        // the master rings after every death
    std::size_t mortals = 0;   // so many of the writers may die
    int writers = 2;           // at most writers_max

    bool relay = false;
    bool wants_first = true; // the writer names whom to ring before it looks at the relay's bell
    bool rings_for_others = true;  // it rings the relay though somebody else had named the sleeper
    bool takes_first = true;       // the relay takes the names before it rings them
    bool relay_fence = true;       // between its ARMED and its last look
    bool relay_looks_again = true; // that last look
    bool relay_ringing = true;     // else its bell goes ARMED > RUNG before its eventfd is written
};

constexpr std::size_t writers_max = 3;
enum variable : std::uint8_t {
    tail0,
    armed_bit = tail0 + writers_max,
    bell,
    wanted,
    relay_bell,
    variables
};
enum bell_state : std::uint8_t { awake, armed, ringing, rung };

constexpr std::uint8_t bell_of(std::uint8_t number, bell_state state)
{
    return static_cast<std::uint8_t>(number << 2 | state);
}
constexpr bell_state state_of(std::uint8_t value)
{
    return static_cast<bell_state>(value & 3);
}

constexpr std::size_t sleeper = writers_max; // the actors before it are the writers
constexpr std::size_t relay = sleeper + 1;
constexpr std::size_t actors = relay + 1;
constexpr std::uint8_t numbers = 8; // sleeps that are told apart; no run has more

struct machine
{
    std::array<std::uint8_t, variables> memory{};
    std::uint8_t eventfd = 0; // the sleeper's
    std::uint8_t relay_eventfd = 0;
    struct store
    {
        std::uint8_t at;
        std::uint8_t value;
        bool operator==(store const&) const = default;
    };
    std::array<std::array<store, 4>, actors> buffer{};
    std::array<std::uint8_t, actors> buffered{};
    std::array<std::uint8_t, actors> step{};
    std::array<std::uint8_t, actors> word{}; // what a ringer read of a bell
    std::array<bool, writers_max> dead{};
    std::array<bool, writers_max> mourned{}; // the master has rung for it
    std::array<bool, writers_max> published{};
    std::array<std::uint8_t, writers_max> seen{};
    std::uint8_t number = 0; // of the sleeper's sleep
    std::uint8_t relay_number = 0;

    bool operator==(machine const&) const = default;
};

constexpr std::uint8_t done = 200;
constexpr std::uint8_t arming = writers_max;
constexpr std::uint8_t recheck = arming + 2;
constexpr std::uint8_t asleep = recheck + writers_max;
constexpr std::uint8_t disarming = asleep + 1;

inline std::uint8_t load(machine const& m, std::size_t who, std::uint8_t at)
{
    for (std::size_t i = m.buffered[who]; i-- > 0;)
        if (m.buffer[who][i].at == at)
            return m.buffer[who][i].value;
    return m.memory[at];
}

inline void store(machine& m, std::size_t who, std::uint8_t at, std::uint8_t value)
{
    m.buffer[who][m.buffered[who]++] = {at, value};
}

inline bool drain_one(machine& m, std::size_t who)
{
    if (m.buffered[who] == 0)
        return false;
    auto const first = m.buffer[who][0];
    m.memory[first.at] = first.value;
    for (std::size_t i = 1; i < m.buffered[who]; ++i)
        m.buffer[who][i - 1] = m.buffer[who][i];
    m.buffer[who][--m.buffered[who]] = {};
    return true;
}

inline void fence(machine& m, std::size_t who)
{
    while (drain_one(m, who)) {
    }
}

inline bool exchange(machine& m, std::size_t who, std::uint8_t at, std::uint8_t expected,
                     std::uint8_t next, std::uint8_t& found)
{
    fence(m, who);
    found = m.memory[at];
    if (found != expected)
        return false;
    m.memory[at] = next;
    return true;
}

// The five steps of a ringer at a bell, from `first` on; `end` is the step behind them. A bell that
// need not be rung leads there at once.
inline void ring_step(machine& m, std::size_t who, std::uint8_t at, std::uint8_t& eventfd,
                      std::uint8_t first, std::uint8_t end, bool with_ringing)
{
    auto& step = m.step[who];
    auto& word = m.word[who];
    auto const again = static_cast<std::uint8_t>(first + 4);
    switch (step - first) {
    case 0:
        word = load(m, who, at);
        step = state_of(word) == armed     ? static_cast<std::uint8_t>(first + 1)
               : state_of(word) == ringing ? again
                                           : end;
        return;
    case 1: {
        auto const next = bell_of(word >> 2, with_ringing ? ringing : rung);
        std::uint8_t found = 0;
        bool const won = exchange(m, who, at, word, next, found);
        word = won ? next : found;
        step = won                          ? static_cast<std::uint8_t>(first + 2)
               : state_of(found) == ringing ? again
                                            : end;
        return;
    }
    case 2:
        ++eventfd;
        step = with_ringing ? static_cast<std::uint8_t>(first + 3) : end;
        return;
    case 3: {
        std::uint8_t found = 0;
        exchange(m, who, at, word, bell_of(word >> 2, rung), found);
        step = end;
        return;
    }
    case 4:
        ++eventfd;
        step = end;
        return;
    }
}

constexpr std::uint8_t ringing_it = 3;         // a writer's five steps
constexpr std::uint8_t naming_it = 10;         // it leaves the sleeper to the relay
constexpr std::uint8_t ringing_the_relay = 11; // five more
constexpr std::uint8_t naming_it_late = 16;

// One step of a writer; false when it has none left.
inline bool write_step(machine& m, std::size_t who, protocol const& p)
{
    auto& step = m.step[who];
    switch (step) {
    case 0:
        store(m, who, static_cast<std::uint8_t>(tail0 + who), 1);
        m.published[who] = true;
        step = 1;
        return true;
    case 1:
        if (p.writer_fence)
            fence(m, who);
        step = 2;
        return true;
    case 2:
        step = load(m, who, armed_bit) ? ringing_it : done;
        return true;
    case naming_it: {
        fence(m, who);
        bool const was = m.memory[wanted] != 0;
        m.memory[wanted] = 1;
        step = was && !p.rings_for_others ? done : ringing_the_relay;
        return true;
    }
    case naming_it_late:
        fence(m, who);
        m.memory[wanted] = 1;
        step = done;
        return true;
    case done:
        return false;
    }
    if (step < naming_it)
        ring_step(m, who, bell, m.eventfd, ringing_it, done, p.ringing);
    else
        ring_step(m, who, relay_bell, m.relay_eventfd, ringing_the_relay,
                  p.wants_first ? done : naming_it_late, p.relay_ringing);
    return true;
}

// A writer that has found the sleeper's bit looks at its bell and leaves it to the relay.
inline bool leave_step(machine& m, std::size_t who, protocol const& p)
{
    if (!p.relay || m.step[who] != ringing_it)
        return false;
    auto const state = state_of(load(m, who, bell));
    m.step[who] = state != armed && state != ringing ? done
                  : p.wants_first                    ? naming_it
                                                     : ringing_the_relay;
    return true;
}

constexpr std::uint8_t relay_asleep = 12;

// One step of the relay; false when it has none.
inline bool relay_step(machine& m, protocol const& p)
{
    auto& step = m.step[relay];
    switch (step) {
    case 0:
        store(m, relay, relay_bell, bell_of(m.relay_number, awake));
        step = 1;
        return true;
    case 1:
        fence(m, relay);
        step = 2;
        return true;
    case 2:
        step = load(m, relay, wanted) ? ringing_it : 8;
        if (p.takes_first) {
            fence(m, relay);
            m.memory[wanted] = 0;
        }
        return true;
    case 8:
        if (!p.takes_first)
            store(m, relay, wanted, 0);
        step = 9;
        return true;
    case 9:
        if (m.relay_number + 1 < numbers)
            ++m.relay_number;
        store(m, relay, relay_bell, bell_of(m.relay_number, armed));
        step = 10;
        return true;
    case 10:
        if (p.relay_fence)
            fence(m, relay);
        step = p.relay_looks_again ? 11 : relay_asleep;
        return true;
    case 11:
        step = load(m, relay, wanted) ? 0 : relay_asleep;
        return true;
    case relay_asleep:
        if (m.relay_eventfd == 0)
            return false;
        m.relay_eventfd = 0;
        step = 0;
        return true;
    case done:
        return false;
    }
    ring_step(m, relay, bell, m.eventfd, ringing_it, 8, p.ringing);
    return true;
}

// One step of the sleeper; false when it has none (it sleeps and nobody has rung).
inline bool sleep_step(machine& m, protocol const& p)
{
    auto& step = m.step[sleeper];
    auto const number = [&] { return p.numbered ? m.number : std::uint8_t{0}; };
    if (step < writers_max) { // awake: looks at the rings
        m.seen[step] = load(m, sleeper, static_cast<std::uint8_t>(tail0 + step));
        ++step;
        return true;
    }
    if (step >= recheck && step < recheck + writers_max) {
        auto const ring = static_cast<std::uint8_t>(step - recheck);
        step = load(m, sleeper, tail0 + ring) != m.seen[ring] ? disarming : step + 1;
        return true;
    }
    switch (step) {
    case arming:
        if (m.number + 1 < numbers)
            ++m.number;
        store(m, sleeper, bell, bell_of(number(), armed));
        step = arming + 1;
        return true;
    case arming + 1:
        if (p.sleeper_fence) {
            fence(m, sleeper);
            m.memory[armed_bit] = 1;
        } else
            store(m, sleeper, armed_bit, 1);
        step = recheck;
        return true;
    case disarming:
        fence(m, sleeper);
        m.memory[armed_bit] = 0;
        step = disarming + 1;
        return true;
    case disarming + 1:
        store(m, sleeper, bell, bell_of(number(), awake));
        fence(m, sleeper);
        step = 0;
        return true;
    case asleep:
        if (m.eventfd == 0)
            return false;
        m.eventfd = 0;
        step = disarming;
        return true;
    }
    return false;
}

// States from which all goes on alike are one: what a ringer read that will not look at it again,
// and where a dead writer stood.
inline void simplify(machine& m)
{
    for (std::size_t who = 0; who != writers_max; ++who)
        if (m.dead[who])
            m.step[who] = done;
    auto const rings = [](std::uint8_t step, std::uint8_t first) {
        return step > first && step < first + 4; // of the five the last does not look
    };
    for (std::size_t who = 0; who != actors; ++who)
        if (!rings(m.step[who], ringing_it) &&
            (who == relay || !rings(m.step[who], ringing_the_relay)))
            m.word[who] = 0;
}

} // namespace covey::test::doorbell_model
