// plan: where everything of a segment lies. A pure function of the schema and the number of blocks,
// computed by every process for itself: an offset read from shared memory is never trusted.
#pragma once

#include "layout.hpp"
#include "schema.hpp"

#include <cstdint>
#include <vector>

namespace covey::shm {

// One field's part of the segment; offsets in bytes from the segment's start.
struct field_plan
{
    field_kind kind{};
    std::uint32_t key_words = 0;
    std::uint32_t row_words = 0;
    std::uint64_t capacity = 0;
    bool row_in_record = false; // a change carries the row
    retention keep{};

    std::uint64_t subscribers = 0; // block_set: blocks that want to be rung for this field

    // words: a lane a block, or one for all (lanes.hpp); a ring: a lane of rows (row_lanes.hpp)
    std::uint64_t lanes = 0;
    std::uint64_t lane_bytes = 0; // whole lines
    std::uint64_t shared_word = 0;

    // value, map and queue: a value is a map of one cell, one shard and no buckets; a queue is one
    // of one shard and one bucket, whose chain is the items that wait (fifo.hpp)
    std::uint64_t shards = 0; // shard_block[shard_count]
    std::uint32_t shard_count = 0;
    std::uint32_t bucket_bits = 0;
    std::uint32_t shard_shift = 0; // bucket >> shard_shift = shard
    std::uint64_t buckets = 0;     // word[1 << bucket_bits]
    std::uint64_t free_hints = 0;  // word[(capacity + 63) / 64], a bit a cell
    std::uint64_t cells = 0;
    std::uint32_t cell_bytes = 0;
    std::uint64_t clock = 0;     // clock_block, of a map that expires or evicts
    std::uint64_t visited = 0;   // word[(capacity + 63) / 64], a bit a cell, of a map that evicts
    std::uint32_t slot_mask = 1; // generation & slot_mask is the slot that counts; 0: there is one

    // values of any size, of a map or a value (chunk_pool.hpp)
    std::uint64_t bound = 0;       // bytes of a value at most; 0: rows have one size
    std::uint64_t chunks = 0;      // how many
    std::uint64_t chunk_hints = 0; // word[(chunks + 63) / 64], a bit a chunk
    std::uint64_t pool = 0;

    // queue
    std::uint64_t leases = 0; // word[capacity]
    std::uint64_t ends = 0;   // queue_block

    // Revision, key, row, and when it is over.
    std::uint32_t slot_words() const { return 1 + key_words + row_words + (keep.expires ? 1 : 0); }
    std::uint32_t entry_words() const { return 1 + row_words; } // of a ring
    std::uint64_t entries() const { return capacity + 1; }      // of a ring's lane
};

struct plan
{
    std::uint32_t blocks = 0;
    std::uint32_t record_bytes = 0;
    std::uint64_t schema_text = 0;
    std::uint64_t worker_blocks = 0;
    std::uint64_t transactions = 0; // transaction_block[blocks]
    std::uint64_t cursors = 0;      // word[blocks][blocks]: reader, then ring, for tools
    std::uint64_t repair_log = 0;
    std::uint64_t statistics = 0; // word[blocks + 1][statistics_words]: the last is the master's
    std::uint64_t rings = 0;
    std::uint64_t bytes = 0; // of the whole; a multiple of the page
    std::vector<field_plan> fields;

    std::uint64_t record_offset(std::uint32_t block, std::uint64_t number) const
    {
        return rings + (block * ring_records + number % ring_records) * record_bytes;
    }
};

// Where a segment's schema text lies, whatever it says.
constexpr std::uint64_t schema_text_offset()
{
    return (sizeof(header) + line_bytes - 1) / line_bytes * line_bytes;
}

// Throws std::invalid_argument when the schema cannot fit: a capacity of 0 or above 2^32 - 2, a
// room that two values at their bound do not fit into or with as many chunks, or
// more than 2^46 bytes in all.
plan make_plan(schema const& described, std::uint32_t blocks);

} // namespace covey::shm
