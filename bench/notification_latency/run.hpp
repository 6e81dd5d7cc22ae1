// run: what is asked of one run of one lane, and the clock it is measured by.
//
// A lane is a way for a change to get from one process to others. Every lane does the same: the
// sender sends warm-ups until every receiver has seen enough of them, then, when it is told to, the
// measured changes 1, 2, ..., each at the moment the rate has it due, whether anybody follows or
// not; or, without a rate, as fast as at most `window` changes on their way allow.
#pragma once

#include <cstdint>
#include <string>

namespace covey::bench {

constexpr std::int64_t window = 256; // changes on their way, without a rate

struct run
{
    std::string lane;
    std::int64_t rate = 1'000; // changes a second; 0: as many as go
    std::int64_t samples = 0;
    std::uint32_t receivers = 1;
    std::uint32_t payload = 8; // bytes of a change; the first 8 are its number
    bool pinned = false;       // sender on the first CPU there is, receivers on the others
    std::string board = {};    // where the run's shared memory is (board.hpp)

    bool flat_out() const { return rate == 0; }
    std::int64_t due_after_ns(std::int64_t sequence) const // after the start
    {
        return flat_out() ? 0 : (sequence - 1) * 1'000'000'000 / rate;
    }
};

constexpr std::uint32_t sender_place = 0; // of a run's processes; receivers have 1, 2, ...

std::int64_t now_ns(); // CLOCK_MONOTONIC

// Puts the process with this place on its CPU: the sender on the first that it may use, receivers
// on the others by turns. Does nothing where there is one only.
void pin_to_cpu_of(std::uint32_t place);

// Keeps this process on the CPU that is the nth (0, 1, ...) it may use, if there are so many.
void pin_to_cpu(unsigned nth);

// Between two looks at shared memory.
inline void relax()
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

} // namespace covey::bench
