// batch: a transaction without its types: up to 16 keys of several tables, what was read of each
// and what is to become of it.
//
// Reading takes no lock. A commit locks the shards of all keys in one order for everybody (field,
// shard), so that no two wait for each other, looks whether what was read is so still, and then
// puts every row in place under one revision (transaction_log.hpp).
#pragma once

#include "commit.hpp"
#include "table.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <vector>

namespace covey::shm {

class transaction_log;

class batch
{
  public:
    static constexpr std::size_t keys_max = transaction_rows_max;

    explicit batch(participant::core& who);

    // The row's words as this batch would leave them, or null when there is none; good until the
    // next call. Null, too, for a key too many.
    std::uint64_t const* read(table const& rows, std::uint64_t const* key);

    // `row` is null for an erasure; `expiry` is for maps that expire.
    void write(table const& rows, std::uint64_t const* key, std::uint64_t const* row,
               std::uint64_t expiry);

    bool too_many() const { return too_many_; }
    bool writes() const { return written_count_ != 0; }

    // Whether everything that was read was so at one moment. No lock.
    bool reads_hold();

    enum class verdict { committed, unchanged, conflict, full, busy, quarantined };
    struct result
    {
        verdict how{};
        std::uint64_t revision = 0;
        std::uint32_t evicted = 0;
    };
    result commit();

    // For another run of the function: nothing has been read or written.
    void start_over();

    // The same, but what the last run has read is read now, at one moment, under the locks. False
    // when one of them could not be had.
    bool start_over_with_snapshot();

  private:
    enum class wish : std::uint8_t { none, put, erase };
    struct note
    {
        table rows;
        std::uint64_t hash = 0;
        std::uint32_t shard = 0;
        wish wanted = wish::none;
        bool was_read = false;
        bool was_there = false;
        std::uint64_t revision = 0; // as read
        std::uint64_t erasures = 0; // of its shard, before it was read
        std::size_t at = 0;         // in words_: key, slot as read, next row and its expiry
        table::place place{};       // under the lock
        bool is_there = false;
    };
    class held_locks;
    struct changes // what a commit does, in the order of the function's writes
    {
        std::array<intent_copy, keys_max> rows{};
        std::array<note const*, keys_max> of{};
        std::size_t count = 0;
        std::span<intent_copy> all() { return {rows.data(), count}; }
    };

    // batch.cpp
    note* find(table const& rows, std::uint64_t const* key);
    void look(note& one);
    void wish_for(note& one, wish wanted);
    std::uint64_t* key_of(note const& one) { return words_.data() + one.at; }
    std::uint64_t* slot_of(note const& one);
    std::uint64_t* next_of(note const& one);
    shard_block& shard_of(note const& one) const;
    bool lost(note const& one) const; // counts it: false

    // batch_commit.cpp
    result commit_once();
    bool find_places(); // false: what was read is so no more
    changes make_changes(transaction_log const& log) const;
    bool take_cells(changes& what, transaction_log& log);
    void link_rows(changes& what) const;
    void fill(changes& what, std::uint64_t revision);
    void count_rows(changes const& what) const;

    participant::core& who_;
    arena const& memory_;
    std::array<note, keys_max> notes_;
    std::size_t count_ = 0;
    std::array<std::uint8_t, keys_max> written_{}; // numbers of notes, in the order of writes
    std::size_t written_count_ = 0;
    std::array<std::uint64_t, 512> room_; // before anything is allocated
    std::pmr::monotonic_buffer_resource pool_{room_.data(), sizeof room_};
    std::pmr::vector<std::uint64_t> words_{&pool_};
    std::pmr::vector<std::uint64_t> scratch_{&pool_}; // a slot of the widest table
    bool too_many_ = false;
    bool one_moment_ = false; // all that was read is a snapshot
    bool outgrown_ = false;   // the function has asked for other keys than the snapshot's
    table* full_ = nullptr;   // what had no room
};

} // namespace covey::shm
