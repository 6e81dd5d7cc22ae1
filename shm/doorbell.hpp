// doorbell: waking a sleeping block with one system call, and an awake one with none.
//
// A block that is about to sleep stores ARMED in its bell word, sets its bit in the segment's armed
// set, passes a full fence and looks at the rings once more. A writer that has published passes a
// full fence and loads the armed set: whatever the order, one of the two sees the other. For each
// sleeper that subscribes to the field the writer moves the word ARMED > RINGING, writes the
// eventfd, and moves it RINGING > RUNG. RINGING means "somebody may have died before the write":
// whoever meets it writes again. The word carries the number of its sleep, so that a slow ringer
// cannot mark the next sleep as rung. At every death the master rings everybody, for the writer
// that dies between its commit and its first ring. More sleepers than relay_above are left to a
// relay, if there is one (doorbell_relay.hpp). tests/shm/doorbell_model.test.cpp explores all
// interleavings with store buffers and deaths; every one of these parts is needed.
#pragma once

#include "arena.hpp"
#include "segment.hpp"

#include <bit>
#include <cstdint>

namespace covey::shm {

enum class bell_state : std::uint64_t { awake = 0, armed = 1, ringing = 2, rung = 3 };

inline constexpr std::uint64_t state_bits = 3;

inline bell_state state_of(std::uint64_t bell)
{
    return static_cast<bell_state>(bell & state_bits);
}

constexpr std::uint64_t with(std::uint64_t bell, bell_state state)
{
    return (bell & ~state_bits) | static_cast<std::uint64_t>(state);
}

// ARMED, by the next number.
constexpr std::uint64_t next_sleep(std::uint64_t bell)
{
    return with((bell | state_bits) + 1, bell_state::armed);
}

// So many sleepers a writer rings itself; docs/decisions/0017 tells what was measured.
inline constexpr std::uint32_t relay_above = 8;

// A relay that was rung and has not moved for so long is passed by: writers ring themselves.
inline constexpr std::uint64_t relay_patience = 50'000'000; // ns

// The sleeper's side. After `arm` the caller looks at what it waits for, then sleeps or disarms.
// Both count the ring that has ended a sleep, if one has; who has been rung may arm again without
// disarming, for nobody rings it twice.
void arm_bell(arena const& memory, std::uint32_t block);
void disarm_bell(arena const& memory, std::uint32_t block);
bool is_rung(arena const& memory, std::uint32_t block); // or being rung

// Of a block whose worker is dead: nobody sleeps there.
void silence_bell(arena const& memory, std::uint32_t block);

// The writer's side, after publishing: rings every sleeper but `self` that subscribes to `field`,
// or has them rung. One fence and one load per 64 blocks when nobody sleeps; whatever their number,
// no more than relay_above system calls where there is a relay that moves.
void ring_sleepers(arena const& memory, doorbells const& bells, std::uint32_t field,
                   std::uint32_t self);

enum class ring_outcome {
    needless, // it is awake, or has been rung
    rung,
    rung_again, // somebody else was at it, and may be dead
};

// One bell, whoever sleeps by it: writes its eventfd if it must.
ring_outcome ring_bell(word& bell, handle const& eventfd);

// One bit of a block_set.
void set_block(block_set& set, std::uint32_t block);
void clear_block(block_set& set, std::uint32_t block);

// Calls visit(block) for each bit of a group of 64 blocks.
template <class Visit>
void for_each_block(std::uint32_t group, std::uint64_t bits, Visit visit)
{
    for (; bits != 0; bits &= bits - 1)
        visit(group * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
}

} // namespace covey::shm
