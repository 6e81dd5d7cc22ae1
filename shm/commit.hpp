// commit: the order in which a row is written, so that a process may die at any instruction.
//
//   lock the shard > arm the intent > take a revision > write the body > COMMIT (one store) >
//   announce in the block's ring > disarm the intent > unlock > ring the sleepers
//
// A death is a precise interrupt: what stands before it in program order has happened, what stands
// after has not. So it is enough that the compiler keeps the order (release stores), and that one
// store decides: before it the write never happened, after it it happened and is announced exactly
// once, by the writer or by whoever inherits the lock (recovery.hpp). The intent says what to look
// at; the ring record's operation number says whether it was announced already.
#pragma once

#include "arena.hpp"

#include <cstdint>
#include <span>

namespace covey::shm {

// Who takes or frees a cell or a chunk: the `owner` of one that is taken by this block's operation
// of that number.
constexpr std::uint64_t mark_of(std::uint32_t block, std::uint64_t operation)
{
    return (std::uint64_t{block} + 1) << 48 | (operation & 0xffff'ffff'ffff);
}

// A block's intent as plain values, copied once.
struct intent_copy
{
    intent_kind kind{};
    std::uint32_t field = 0;
    std::uint32_t shard = 0;
    std::uint64_t operation = 0;
    std::uint64_t revision = 0;
    std::uint64_t commit_word = 0;
    std::uint64_t target = 0;
    std::uint64_t cell = 0;
    std::uint64_t mark = 0;
};

class operation
{
  public:
    // `field`'s shard `shard` is locked by this thread, which writes in `block`'s name.
    operation(arena const& memory, std::uint32_t block, std::uint32_t field, std::uint32_t shard);

    // Says what will be done: `commit_word` (an offset) will be set to `target`, which it does not
    // hold now; `cell` is the cell being written or freed, `owner` its owner's mark (an insert's
    // own). May be armed again before commit().
    void arm(intent_kind kind, std::uint64_t commit_word, std::uint64_t target, std::uint64_t cell,
             std::uint64_t owner);

    // The change's revision; once, after arm and before commit.
    std::uint64_t take_revision();

    // The mark that this operation leaves in the `owner` of a cell or a chunk it takes.
    std::uint64_t mark() const;

    void commit();   // the one store
    void announce(); // the ring record, its body taken from the cell
    void disarm();

    // As armed: this process' own copy, for what is shared may have been written over.
    intent_copy const& what() const { return what_; }

  private:
    arena const& memory_;
    std::uint32_t block_;
    intent& intent_;
    intent_copy what_;
};

intent_copy read_intent(intent const& shared);

// Writes the record of a committed intent into `block`'s ring. The caller is the block's owner or
// holds the lock it died with, so there is one producer.
void announce(arena const& memory, std::uint32_t block, intent_copy const& what);

// Writes the records of several rows as numbers `from`, `from` + 1, ... and publishes them by one
// store of the tail. Repeatable until it is published.
void announce_together(arena const& memory, std::uint32_t block, std::uint64_t from,
                       std::span<intent_copy const> rows);

// True when the newest record of `block`'s ring is this operation's.
bool announced(arena const& memory, std::uint32_t block, std::uint64_t operation);

} // namespace covey::shm
