// sending: a sender's side of a run, for senders that may block their process.
//
// A sender sleeps until shortly before a change is due and looks at the clock from there on, so
// that what its own timer takes is not in anybody's latency; what is still late counts as the
// change's, and is noted.
#pragma once

#include "board.hpp"
#include "run.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace covey::bench {

constexpr std::int64_t sleep_ends_before_ns = 200'000;    // a change is due
constexpr std::int64_t first_is_due_after_ns = 2'000'000; // the run was let go

// How far apart warm-ups are: receivers that share a machine must be able to follow.
inline std::chrono::nanoseconds warm_up_pace(run const& made)
{
    return std::chrono::milliseconds{std::max<std::uint32_t>(1, made.receivers / 2)};
}

void sleep_until_ns(std::int64_t when); // of CLOCK_MONOTONIC

// Sleeps, and looks at the clock for the rest of the time.
void wait_until_ns(std::int64_t when);

// Of every sender, blocking or not: what it tells the board.
void sender_is_here(board& shared);
void come_to_gate(board& shared);
bool is_let_go(board const& shared);
void sent_all(board& shared);

// Makes the changes: send(sequence) makes or prepares one, settle() sees to it that what was
// prepared is on its way; it is called when the next one is not due yet, and after `together`.
template <class Send, class Settle>
void send_all(board& shared, run const& made, std::int64_t together, Send send, Settle settle)
{
    sender_is_here(shared);
    while (!shared.all_warmed_up(made)) {
        send(0);
        settle();
        sleep_until_ns(now_ns() + warm_up_pace(made).count());
    }
    come_to_gate(shared);
    while (!is_let_go(shared))
        sleep_until_ns(now_ns() + 1'000'000);

    auto& notes = shared.common();
    auto const start = now_ns() + (made.flat_out() ? 0 : first_is_due_after_ns);
    notes.start_ns.store(start);
    std::int64_t prepared = 0;
    for (std::int64_t sequence = 1; sequence <= made.samples; ++sequence) {
        auto const due = start + made.due_after_ns(sequence);
        if (made.flat_out()) {
            while (!shared.all_saw(made, sequence - window)) {
                if (prepared != 0)
                    settle();
                prepared = 0;
                relax();
            }
            send(sequence);
        } else {
            wait_until_ns(due);
            auto const before = now_ns();
            send(sequence);
            notes.writing.record(now_ns() - before);
            notes.late.record(before - due);
        }
        auto const hurry = made.flat_out() || now_ns() >= start + made.due_after_ns(sequence + 1);
        if (++prepared < together && hurry)
            continue;
        settle();
        prepared = 0;
    }
    settle();
    sent_all(shared);
}

template <class Send>
void send_all(board& shared, run const& made, Send send)
{
    send_all(shared, made, 1, send, [] {});
}

// After the last change, until the bench has read what it wants of this process, and ends it.
[[noreturn]] void stay();

} // namespace covey::bench
