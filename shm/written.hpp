// written: what a write came to. Plain values: nothing here throws or allocates.
#pragma once

#include <cstdint>
#include <string_view>

namespace covey {

enum class put_result {
    stored,      // committed: it survives the death of any process
    unchanged,   // an update's function wanted no change
    exists,      // add: there is a row already
    missing,     // compare_and_set: there is no row; give_back: the lease is over
    conflict,    // compare_and_set: the row has another revision (it is in `revision`)
    full,        // a map has as many rows, a queue as many items, as its capacity says
    too_long,    // the key does not fit its text<N>; nothing shared was touched
    busy,        // a living process has held the lock for 2 s: it is stopped or starved
    quarantined, // writers of these rows keep dying; they can be read (segment::quarantine)
};
std::string_view name(put_result result);

// Compares as its result: `if (scores.put(k, v) == put_result::full)`.
struct written
{
    put_result result = put_result::stored;
    std::uint64_t revision = 0; // of the row there is now; 0 when there is none
    std::uint32_t evicted = 0;  // rows of a map that evicts which made room; each was announced

    operator put_result() const { return result; }
    bool stored() const { return result == put_result::stored; }
};

enum class erase_result { erased, missing, busy, quarantined };

struct erased
{
    erase_result result = erase_result::erased;
    std::uint64_t revision = 0; // of the erase; 0 when nothing was erased

    operator erase_result() const { return result; }
};

// A row and the revision of the change that made it.
template <class Row>
struct versioned
{
    Row row{};
    std::uint64_t revision = 0;
};

} // namespace covey
