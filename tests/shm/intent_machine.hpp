// The machine of intent_model.test.cpp: what an operation does step by step, and the memory that it
// does it to.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace covey::test::intent_model {

// What an operation does, one access each, in the order of its plan.
enum class action : std::uint8_t {
    number,   // of the operation, into the intent
    idle,     // the intent, while its fields change
    kind,     // these name what will be done
    word,     //
    target,   //
    cell,     //
    mark,     // the cell's owner: who may free it
    arm,      // the intent
    claim,    // a free cell; for the next one the intent is armed anew
    revision, // a locked addition
    key,      // the body of the slot that does not count
    left,     //
    right,    //
    turn,     // an insert's generation: the slot counts, and nothing leads to it yet
    commit,   // the one store
    record,   // the announcement
    tail,     //
    erasures, // rises
    let_go,   // the erased row's cell
    disarm,   //
    unlock,   //
};
using enum action;
using plan = std::vector<action>;

enum operation : std::uint8_t { nothing, update, insert, erase };

struct protocol
{
    std::array<plan, 4> plans; // by operation
    bool repair_looks_at_ring = true;
    bool repair_disarms_last = true;
    bool repair_frees = true;
    bool reader_looks_again = true; // at the generation
    bool reader_heeds_erasures = true;
};

inline protocol as_built()
{
    protocol out;
    out.plans[nothing] = {disarm, unlock};
    out.plans[update] = {number, idle, kind,  word,   target, cell, mark,   arm,   revision,
                         key,    left, right, commit, record, tail, disarm, unlock};
    out.plans[insert] = {number, idle, kind,  word, target, cell,   mark, arm,    claim, revision,
                         key,    left, right, turn, commit, record, tail, disarm, unlock};
    out.plans[erase] = {number,   idle,   kind,     word,   target, cell,   mark,   arm,
                        revision, commit, erasures, record, tail,   let_go, disarm, unlock};
    return out;
}

// As built, but one step comes right before another one, in every plan that has both.
inline protocol with_moved(action what, action before)
{
    auto out = as_built();
    for (auto& each : out.plans) {
        auto const from = std::find(each.begin(), each.end(), what);
        if (from == each.end() || std::find(each.begin(), each.end(), before) == each.end())
            continue;
        each.erase(from);
        each.insert(std::find(each.begin(), each.end(), before), what);
    }
    return out;
}

// ---- memory
// ----------------------------------------------------------------------------------------

inline constexpr std::uint8_t writers = 3;
inline constexpr std::uint8_t master = writers;
inline constexpr std::uint8_t reader = writers + 1;
inline constexpr std::uint8_t cells = 2;
inline constexpr std::uint8_t first_value = 1; // of row 0, in cell 1, when it is there at the start

enum variable : std::uint8_t {
    link0, // of row 0; 0, or the cell's number from 1
    link1,
    erasures0,
    erasures1,
    cells_at,                            // generation, owner, two slots of key, left, right
    intents_at = cells_at + 8 * cells,   // armed, kind, shard, number, word, target, cell, mark
    rings_at = intents_at + 8 * writers, // tail, two records
    variables = rings_at + 3 * writers
};

inline constexpr std::uint8_t generation_of(std::uint8_t cell)
{
    return cells_at + 8 * (cell - 1);
}
inline constexpr std::uint8_t owner_of(std::uint8_t cell)
{
    return generation_of(cell) + 1;
}
inline constexpr std::uint8_t slot_of(std::uint8_t cell, std::uint8_t generation)
{
    return generation_of(cell) + 2 + 3 * (generation & 1);
}
enum part : std::uint8_t {
    is_armed,
    its_kind,
    its_shard,
    its_number,
    its_word,
    its_target,
    its_cell,
    its_mark
};
inline constexpr std::uint8_t intent_of(std::uint8_t writer, part which)
{
    return intents_at + 8 * writer + which;
}
inline constexpr std::uint8_t tail_of(std::uint8_t writer)
{
    return rings_at + 3 * writer;
}

enum meaning : std::uint8_t { plain, is_commit, is_announcement }; // for the book-keeping

struct store
{
    std::uint8_t at;
    std::uint8_t value;
    std::uint8_t whose;
    std::uint8_t means;
};

enum phase : std::uint8_t { waits, looks, repairs, works, gone };

struct actor
{
    std::uint8_t phase = waits;
    std::uint8_t wish = nothing; // update here means put
    std::uint8_t row = 0;
    std::uint8_t does = nothing;
    std::uint8_t step = 0; // in the plan, or of the repair
    std::uint8_t cell = 0;
    std::uint8_t whose = 0; // the intent being repaired
    std::uint8_t found = 0; // in repair: committed
    std::uint8_t dead = 0;
    std::uint8_t reaped = 0;
    std::uint8_t buffered = 0;
    std::array<store, 5> buffer{};
};

struct machine
{
    std::array<std::uint8_t, variables> memory{};
    std::array<std::uint8_t, 2> lock{}; // actor + 1
    std::array<actor, writers + 1> actors{};
    std::array<std::uint8_t, writers> committed{};
    std::array<std::uint8_t, writers> told{};
    std::uint8_t deaths = 0;
    // The reader.
    std::uint8_t reads = 0; // its step
    std::uint8_t rounds = 0;
    std::array<std::uint8_t, 7> seen{}; // erasures, link, generation, key, left, right, result
    std::uint16_t was_there = 0;        // what row 0 was since it began, a bit a value
};
static_assert(std::is_trivially_copyable_v<machine>);

struct scenario
{
    bool row_is_there = true;
    std::array<operation, writers> wishes{};
    std::array<std::uint8_t, writers> rows{};
    int mortals = 0; // so many may die
    bool reads = true;
};

inline constexpr std::uint8_t value_of(std::uint8_t writer)
{
    return 2 + writer;
}
inline constexpr std::uint8_t garbage = 9;

// What a reader would see if it looked at once: 0 for nothing.
inline std::uint8_t row_in(machine const& m, std::uint8_t row)
{
    auto const cell = m.memory[link0 + row];
    if (cell == 0)
        return 0;
    auto const slot = slot_of(cell, m.memory[generation_of(cell)]);
    bool const whole = m.memory[slot] == row + 1 && m.memory[slot + 1] == m.memory[slot + 2];
    return whole && m.memory[slot + 1] != 0 ? m.memory[slot + 1] : garbage;
}

} // namespace covey::test::intent_model
