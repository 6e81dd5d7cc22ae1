// recovery: finishing or taking back what a dead process was writing.
//
// Whoever inherits a shard's lock repairs before it does anything else: a writer that met the dead
// owner, or the master when it reaps the block. Every step may be repeated, so the death of a
// repairer needs no logic of its own: the next one starts over.
#pragma once

#include "arena.hpp"
#include "segment.hpp"

#include <boost/interprocess/sync/scoped_lock.hpp>
#include <chrono>
#include <cstdint>
#include <vector>

namespace covey::shm {

struct intent_copy;

// How long a writer waits for a lock whose owner lives (it may be stopped) before it says busy.
inline constexpr std::chrono::milliseconds lock_patience{2'000}; // F7: the watchdog's budget

// How long a search for room waits: there are other rows to go.
inline constexpr std::chrono::milliseconds room_patience{100};

// One shard's lock in the form boost::interprocess::scoped_lock wants; taking it repairs what a
// dead owner left.
class shard_lock
{
  public:
    shard_lock(arena const& memory, std::uint32_t field, std::uint32_t shard,
               std::chrono::milliseconds patience = lock_patience)
        : memory_{memory}
        , field_{field}
        , shard_{shard}
        , patience_{patience}
    {}

    bool try_lock();      // waits as long as its patience
    bool try_lock_once(); // does not wait
    void unlock();

  private:
    bool settle(lock_outcome outcome, std::chrono::milliseconds patience);
    robust_mutex& mutex() const;

    arena const& memory_;
    std::uint32_t field_;
    std::uint32_t shard_;
    std::chrono::milliseconds patience_;
};

using shard_guard = boost::interprocess::scoped_lock<shard_lock>;

// Counts that somebody else was faster with this field, for metrics.
void count_conflict(arena const& memory, std::uint32_t field);

// The repair itself; this thread holds the inherited lock of the shard.
void repair(arena const& memory, std::uint32_t field, std::uint32_t shard);

// Whether an intent, which a hostile or broken process may have written, names only places that one
// of its kind can name.
bool plausible(arena const& memory, intent_copy const& what);

// `what` is null when the dead owner had nothing under way: it died in a caller's function, or
// between its disarming and its unlock. `began` is the repair_clock() of the repair's start.
void log_repair(arena const& memory, region where, std::uint32_t block, intent_copy const* what,
                bool committed, std::uint64_t began);
std::uint64_t repair_clock(); // nanoseconds, monotonic

std::uint64_t count_rows(arena const& memory, field_plan const& field, std::uint32_t shard);

// The last 64 repairs, oldest first.
std::vector<repair_report> repairs(arena const& memory);

} // namespace covey::shm
