// chunk_pool: where values of any size lie: a field's chunks of 256 bytes, each value a chain.
//
// A row's words say how long its value is, which chunk is the first (number + 1; 0: none), and the
// mark that all of its chunks bear as their owner. A value is never written over: the next one gets
// chunks of its own, and the last one's are freed after the commit. Chunks of all shards are
// claimed from one pool, without a lock: by a compare-and-swap of the owner, with hints like
// free_cells'.
//
// So that a death loses none and frees none twice, the shard's two words tell which chunks its
// operation has to its name (before the commit: what it has claimed) or still has to free (after:
// the last value's). A chunk is named there before it is claimed, and its successor before it is
// freed; the owner tells on which side of that step the dead process stood, even when somebody else
// has the chunk by now.
#pragma once

#include "arena.hpp"
#include "detail/function_ref.hpp"
#include "participant.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace covey::shm {

// One shard's operations on its field's chunks; the caller has the shard's lock.
class chunk_pool
{
  public:
    chunk_pool(arena const& memory, field_plan const& field, std::uint32_t shard);

    // Before an operation is armed: it has no chunks.
    void begin();

    // Writes a value into chunks that bear `mark`, and the words of its row. False when there are
    // not enough: settle() takes back those it got.
    bool store(std::span<std::byte const> value, participant::core& who, std::uint64_t mark,
               std::uint64_t* row);

    // Frees what the operation with this mark leaves: its own chunks when it was not committed,
    // else those of the value it replaced or removed. After the announcement, and after the count
    // of erasures has risen; before the cell is freed. Repeatable.
    void settle(intent_kind kind, std::uint64_t cell, std::uint64_t mark, bool committed);

  private:
    chunk_head& chunk(std::uint64_t number) const;
    void link_in_doubt(std::uint64_t mark);
    void free_rest(std::uint64_t mark);

    arena const& memory_;
    field_plan const& field_;
    shard_block& shard_;
};

// Copies the value that a row's words tell of; into(bytes) gives the place for that many, or for
// the first of them. False when the words or the chain are nonsense. Reads nothing outside of the
// pool, and takes no more steps than the longest value has chunks; a reader without the lock looks
// afterwards whether the row is still the one it had.
using place_for_body = detail::function_ref<std::span<std::byte>(std::size_t bytes)>;
bool copy_body(arena const& memory, field_plan const& field, std::uint64_t const* row,
               place_for_body into);

// Chunks that belong to somebody, counted one by one: for tools and tests.
std::uint64_t count_chunks_in_use(arena const& memory, field_plan const& field);

} // namespace covey::shm
