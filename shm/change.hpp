// change: what a subscription tells about one commit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace covey {

enum class change_kind : std::uint8_t {
    put = 1, // the row is new or has a new value
    erase,   // the row is gone
    resync,  // changes were missed, or come first: see resync_report; a `put` for each row follows
    expire,  // the row is gone: its time was over
    evict,   // the row is gone: it made room for another
    leave,   // the row is there, and is no longer what is watched for (watching.hpp)
};

enum class resync_reason : std::uint8_t {
    start,  // the watch was asked to begin with what is there
    lapped, // the subscriber fell more than a ring behind
};

// What a change of kind resync is about.
struct resync_report
{
    std::uint64_t from = 0; // what is not newer than this revision had been told
    std::uint64_t to = 0;   // the rows that follow are as of this revision, or newer
    resync_reason reason = resync_reason::lapped;
    // True: forget what you mirror, all of it follows. False: nothing was removed since `from`, and
    // only what is newer follows.
    bool complete = true;
};

// Whose a lock is, or who leads.
struct holder
{
    std::uint32_t block = 0;
    std::uint64_t epoch = 0; // rises with every hold: who compares it refuses a former holder
    friend bool operator==(holder const&, holder const&) = default;
};

constexpr bool is_removal(change_kind kind)
{
    return kind == change_kind::erase || kind == change_kind::expire ||
           kind == change_kind::evict || kind == change_kind::leave;
}

// A change of a map. `after` is the row as of `revision`; it is empty unless a row was put, and
// `key` means nothing for resync. `folded` counts the changes of the same row that this one stands
// for, beside itself, because they were not told (delivery::latest).
template <class Key, class Row>
struct map_change
{
    Key key{};
    std::optional<Row> after{};
    std::uint64_t revision = 0; // cluster-wide, rising; at a resync: resync_report::to
    change_kind kind = change_kind::put;
    std::uint64_t folded = 0;
    resync_report resync{};
};

// A change of a value.
template <class Row>
struct value_change
{
    std::optional<Row> after{};
    std::uint64_t revision = 0;
    change_kind kind = change_kind::put;
    std::uint64_t folded = 0;
    resync_report resync{};
};

// A row that was appended to a ring. At a resync rows were missed; the ring's rows follow.
template <class Row>
struct ring_change
{
    std::optional<Row> after{};
    std::uint64_t revision = 0;
    change_kind kind = change_kind::put;
    resync_report resync{};
};

// An item of a queue waits: it was pushed (`id` is `revision`), or has come back. A resync means
// that some were missed and nothing follows: pop until the queue is empty.
struct queue_change
{
    std::uint64_t id = 0;
    std::uint64_t revision = 0;
    change_kind kind = change_kind::put;
};

// A counter's new total.
struct counter_change
{
    std::int64_t total = 0;
};

// A gauge's new level.
struct gauge_change
{
    std::int64_t level = 0;
};

// A maximum's or minimum's new number; none after a reset.
struct extreme_change
{
    std::optional<std::int64_t> number{};
};

// Who holds a lock, or leads.
struct hold_change
{
    std::optional<holder> by{};
};

// What a field makes its change from; words live in the subscription's buffer during the call.
struct raw_change
{
    change_kind kind = change_kind::put;
    std::uint64_t revision = 0;
    std::uint64_t const* key = nullptr; // unless it is a resync
    std::uint64_t const* row = nullptr; // for put
    std::span<std::byte const> body{};  // for put, of a field whose values have any size
    std::uint64_t folded = 0;
    resync_report resync{};
};

} // namespace covey
