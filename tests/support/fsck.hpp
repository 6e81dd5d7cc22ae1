// fsck: whether a field derives what its rows say (shm/fsck.hpp), and nobody's intent is left. Call
// it when nobody writes.
#pragma once

#include <covey/shm/arena.hpp>
#include <covey/shm/fsck.hpp>
#include <covey/shm/segment.hpp>
#include <string>

namespace covey::test {

// Empty when all is well, else the first thing wrong.
inline std::string fsck(segment const& where, std::uint32_t index)
{
    auto const& memory = *where.memory();
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        if (memory.block(block).intent.armed.load() != 0)
            return "block " + std::to_string(block) + " has an intent when nobody writes";
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        if ((memory.transaction(block).stamp.load() & 7) != 0)
            return "block " + std::to_string(block) + " has a transaction when nobody writes";
    auto const& shards = memory.places().fields[index];
    for (std::uint32_t shard = 0; shard != shards.shard_count; ++shard)
        if (memory.shard(shards, shard).transaction.load() != 0)
            return "shard " + std::to_string(shard) + " is marked when nobody writes";
    auto const field = shm::check_field(memory, index, "the field", nullptr, nullptr);
    if (!field.empty())
        return field.front().what;
    auto const blocks = shm::check_blocks(memory);
    return blocks.empty() ? std::string{} : blocks.front().what;
}

} // namespace covey::test
