// life: the facts about one worker, from the order to fork it until it has ended, its block has
// been reaped and its output has been read. Plain data; who may change what is the roster's
// business.
#pragma once

#include "exit_status.hpp"
#include "recycling.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace covey::supervision {

using time_point = std::chrono::steady_clock::time_point;
using milliseconds = std::chrono::milliseconds;

enum class life_state { forked, online, listening, ready, draining, disconnected, dead };

std::string_view name(life_state state);

struct life
{
    std::uint64_t id = 0;
    std::uint32_t seat = 0;
    std::uint32_t block = 0;
    std::uint32_t generation = 0;

    // What it has done, as far as that has been told.
    bool forked = false; // the order to fork it has been answered
    bool online = false;
    std::set<std::uint32_t> listening; // to which listeners
    std::optional<time_point> ready_at;
    bool suicidal = false; // it has said that it is going to leave
    bool refused = false;  // it has said that it cannot work, nor can another one like it

    // What was decided about it.
    bool planned = false;   // it was told to leave, or said it would: its end is no failure
    bool condemned = false; // it is to end, and must not serve: killed, aborted, refused
    bool killed = false;    // SIGKILL is on its way
    bool patient = false;   // its channel is closed by the caller: no reason to hurry it
    std::optional<time_point> stop_by; // told to be gone
    std::optional<time_point> kill_at; // SIGKILL, because of `overdue`
    std::string overdue;
    bool excused = false; // kill_at has been put off once, for a master that slept

    // Its own limits, and when its replacement may be started.
    recycle_limits limits;
    std::optional<time_point> recycle_at;

    // Its end. It is over when its process has ended and its channel has been read to the end: what
    // it said last counts, whatever the kernel reports first.
    bool disconnected = false;
    bool exited = false;
    bool output_ended = false;
    bool close_told = false;
    bool reaped = false;
    exit_status status;
    std::string reason; // why it was killed, or left
    std::string words;  // the last it wrote

    bool is_over() const { return exited && disconnected; }
    bool can_serve() const
    {
        return ready_at && !planned && !condemned && !exited && !disconnected;
    }
    // What it says still counts.
    bool is_heard() const { return forked && !planned && !condemned && !disconnected; }
    bool is_starting() const { return is_heard() && online && !ready_at; }
    bool can_be_watched() const { return ready_at && !condemned && !exited && !disconnected; }
    life_state state() const;

    // For people. Why it ended, then its last words on lines of their own; empty if nobody knows.
    std::string why() const;
    // "worker 7 (seat 1, generation 0): exit code 3: ", and why.
    std::string obituary() const;
};

} // namespace covey::supervision
