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
    resync,  // changes were missed: forget what you mirror; a `put` for every row follows
    expire,  // the row is gone: its time was over
    evict,   // the row is gone: it made room for another
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
    return kind == change_kind::erase || kind == change_kind::expire || kind == change_kind::evict;
}

// A change of a map. `after` is the row as of `revision`; it is empty unless a row was put, and
// `key` means nothing for resync.
template <class Key, class Row>
struct map_change
{
    Key key{};
    std::optional<Row> after{};
    std::uint64_t revision = 0; // cluster-wide, rising; at a resync: the newest that was missed
    change_kind kind = change_kind::put;
};

// A change of a value.
template <class Row>
struct value_change
{
    std::optional<Row> after{};
    std::uint64_t revision = 0;
    change_kind kind = change_kind::put;
};

// A row that was appended to a ring. At a resync rows were missed; the ring's rows follow.
template <class Row>
struct ring_change
{
    std::optional<Row> after{};
    std::uint64_t revision = 0;
    change_kind kind = change_kind::put;
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
};

} // namespace covey
