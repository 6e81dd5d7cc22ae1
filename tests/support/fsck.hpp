// fsck: compares what a map derives (row counts, free cells) with what its chains say.
// Call it when nobody writes.
#pragma once

#include <covey/shm/arena.hpp>
#include <covey/shm/link.hpp>
#include <covey/shm/segment.hpp>
#include <set>
#include <string>

namespace covey::test {

// Empty when all is well, else the first thing wrong.
inline std::string fsck(segment const& where, std::uint32_t index)
{
    auto const& memory = *where.memory();
    auto const& field = memory.places().fields[index];
    std::set<std::uint64_t> linked;
    std::vector<std::uint64_t> rows(field.shard_count);
    for (std::uint64_t bucket = 0; bucket != std::uint64_t{1} << field.bucket_bits; ++bucket) {
        shm::link next{memory.bucket(field, bucket).load()};
        while (!next.empty()) {
            if (next.cell() >= field.capacity)
                return "a link leads out of the table";
            if (!linked.insert(next.cell()).second)
                return "cell " + std::to_string(next.cell()) + " is linked twice";
            ++rows[bucket >> field.shard_shift];
            auto const& cell = memory.at<shm::cell_head>(memory.cell_offset(field, next.cell()));
            if (cell.owner.load() == 0)
                return "a linked cell is free";
            next.word = cell.next.load();
        }
    }
    for (std::uint32_t shard = 0; shard != field.shard_count; ++shard)
        if (memory.shard(field, shard).rows.load() != rows[shard])
            return "shard " + std::to_string(shard) + " counts its rows wrong";
    for (std::uint32_t shard = 0; shard != field.shard_count; ++shard)
        if (memory.shard(field, shard).transaction.load() != 0)
            return "shard " + std::to_string(shard) + " is marked when nobody writes";
    for (std::uint64_t cell = 0; cell != field.capacity; ++cell) {
        if (linked.contains(cell))
            continue;
        if (memory.at<shm::cell_head>(memory.cell_offset(field, cell)).owner.load() != 0)
            return "cell " + std::to_string(cell) + " is lost: not linked, not free";
        auto const& hints = memory.at<shm::word>(field.free_hints + cell / 64 * sizeof(shm::word));
        if ((hints.load() >> cell % 64 & 1) == 0)
            return "cell " + std::to_string(cell) + " is free and nobody will find it";
    }
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        if (memory.block(block).intent.armed.load() != 0)
            return "block " + std::to_string(block) + " has an intent when nobody writes";
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        if ((memory.transaction(block).stamp.load() & 7) != 0)
            return "block " + std::to_string(block) + " has a transaction when nobody writes";
    return {};
}

} // namespace covey::test
