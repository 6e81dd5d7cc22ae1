// transaction_log: what a block writes down of its transaction, so that whoever finds it dead can
// finish it or take it back.
//
//   lock the shards, in order > write down the rows > PREPARED > mark the shards > take cells for
//   new rows, fill the slots that do not count > COMMITTED (one store) > every row's commit word >
//   announce all by one store of the ring's tail > DONE > unmark the shards > NONE > unlock
//
// A shard's mark names the transaction that is under way in it, and outlives the owner of the lock:
// nobody does anything else in a marked shard. Whoever locks one finishes the transaction, all of
// it, under the robust lock of its block (`settling`), which makes that one process the owner of
// all its shards and the producer of the dead block's ring. Everything up to DONE can be repeated,
// because until then no shard has lost its mark and so nobody has written there since; from DONE on
// nothing is repeated, and each shard loses its mark under its own lock. Only when all have may the
// block be used again (end_transaction).
// Whoever cannot get the settling lock, because another process finishes the transaction and is
// stopped, leaves the mark and the lock: busy.
#pragma once

#include "arena.hpp"
#include "commit.hpp"
#include "segment.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace covey::shm {

// The author's side. It holds the locks of all shards from before prepare until after end.
class transaction_log
{
  public:
    transaction_log(arena const& memory, std::uint32_t block);

    std::uint64_t operation() const { return number_; }
    std::uint64_t mark() const; // the `owner` of cells it takes

    // `rows` lack commit words yet; new rows lack their cells.
    void prepare(std::span<intent_copy const> rows);
    void name_cell(std::size_t row, std::uint64_t cell); // before it is taken

    // All rows are whole, and have a revision: the decision. Then carry_out() and end().
    void commit(std::span<intent_copy const> rows);
    std::uint64_t ring_from() const;

    // Done, after commit() and carry_out(); or undone, when no cell is taken any more.
    void end(transaction_state how);

  private:
    void mark_shards(std::uint64_t mark) const;

    arena const& memory_;
    std::uint32_t block_;
    transaction_block& shared_;
    std::uint64_t number_;
    std::span<intent_copy const> rows_;
};

// What follows the decision: puts the rows in place, announces them, frees the cells of those that
// are gone. Repeatable while the shards are marked. The number of rows in a shard is left to the
// caller.
void carry_out(arena const& memory, std::uint32_t block, std::span<intent_copy const> rows,
               std::uint64_t ring_from);

// For who holds the lock of a marked shard: finishes what its author has left, and unmarks the
// shard. False when another process is at it for longer than `patience`.
bool settle_transaction(arena const& memory, region where, std::chrono::milliseconds patience);

// Whether no transaction has put a row in place in this shard that has others to put in place yet.
// A load; no lock.
bool is_whole(arena const& memory, shard_block const& shard);

// Between its preparation and its end: it takes a revision, if it has not, and its records come.
bool is_under_way(transaction_block const& shared);

// Of a dead block: nothing of its transaction is left to do. False when a shard is locked just now.
bool end_transaction(arena const& memory, std::uint32_t block);

} // namespace covey::shm
