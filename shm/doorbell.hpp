// doorbell: waking a sleeping block with one system call, and an awake one with none.
//
// A block that is about to sleep stores ARMED in its bell word, sets its bit in the segment's armed
// set, passes a full fence and looks at the rings once more. A writer that has published passes a
// full fence and loads the armed set: whatever the order, one of the two sees the other. For each
// sleeper that subscribes to the field the writer moves the word ARMED > RINGING, writes the
// eventfd, and moves it RINGING > RUNG. RINGING means "somebody may have died before the write":
// whoever meets it writes again. The word carries the number of its sleep, so that a slow ringer
// cannot mark the next sleep as rung. At every death the master rings everybody, for the writer
// that dies between its commit and its first ring. tests/shm/doorbell_model.test.cpp explores all
// interleavings with store buffers and deaths; every one of these parts is needed.
#pragma once

#include "arena.hpp"
#include "segment.hpp"

#include <cstdint>

namespace covey::shm {

enum class bell_state : std::uint64_t { awake = 0, armed = 1, ringing = 2, rung = 3 };

inline bell_state state_of(std::uint64_t bell)
{
    return static_cast<bell_state>(bell & 3);
}

// The sleeper's side. After `arm` the caller looks at what it waits for, then sleeps or disarms.
void arm_bell(arena const& memory, std::uint32_t block);
void disarm_bell(arena const& memory, std::uint32_t block);

// The writer's side, after publishing: rings every sleeper but `self` that subscribes to `field`.
// One fence and one load per 64 blocks when nobody sleeps.
void ring_sleepers(arena const& memory, doorbells const& bells, std::uint32_t field,
                   std::uint32_t self);

// One bit of a block_set.
void set_block(block_set& set, std::uint32_t block);
void clear_block(block_set& set, std::uint32_t block);

} // namespace covey::shm
