// fsck_queue: looks whether every cell of a queue is waiting, leased or free, and found where it
// should be. Call it when nobody writes.
#pragma once

#include <covey/shm/arena.hpp>
#include <covey/shm/link.hpp>
#include <covey/shm/segment.hpp>
#include <set>
#include <string>

namespace covey::test {

// Empty when all is well, else the first thing wrong.
inline std::string fsck_queue(segment const& where, std::uint32_t index)
{
    auto const& memory = *where.memory();
    auto const& field = memory.places().fields[index];
    auto const head = [&](std::uint64_t cell) -> shm::cell_head& {
        return memory.at<shm::cell_head>(memory.cell_offset(field, cell));
    };
    std::set<std::uint64_t> linked;
    std::uint64_t newest_id = 0;
    std::uint64_t last = 0;
    for (shm::link next{memory.bucket(field, 0).load()}; !next.empty();
         next.word = head(next.cell()).next.load()) {
        if (next.cell() >= field.capacity)
            return "a link leads out of the queue";
        last = next.cell();
        if (!linked.insert(last).second)
            return "cell " + std::to_string(last) + " is linked twice";
        auto const id = memory.slot(memory.cell_offset(field, last), field, 0)[1];
        if (id <= newest_id)
            return "item " + std::to_string(id) + " is not in the order of pushes";
        newest_id = id;
    }
    if (!linked.empty() && memory.at<shm::queue_block>(field.ends).last.load() != last + 1)
        return "the queue's end is not where it is said to be";
    if (memory.shard(field, 0).rows.load() != linked.size())
        return "the queue counts what waits wrong";
    for (std::uint64_t cell = 0; cell != field.capacity; ++cell) {
        auto const name = "cell " + std::to_string(cell);
        auto const lease =
            memory.at<shm::word>(field.leases + cell * sizeof(shm::word)).load() >> 48;
        auto const& hints = memory.at<shm::word>(field.free_hints + cell / 64 * sizeof(shm::word));
        bool const waits = linked.contains(cell);
        bool const free = head(cell).owner.load() == 0;
        if (waits && lease != 0)
            return name + " waits and is leased";
        if ((waits || lease != 0) == free)
            return name + (free ? " is in use and free" : " is lost");
        if (free && (hints.load() >> cell % 64 & 1) == 0)
            return name + " is free and nobody will find it";
        if (lease != 0 && memory.block(static_cast<std::uint32_t>(lease - 1)).open.load() == 0)
            return name + " is leased to a block that is nobody's";
    }
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block)
        if (memory.block(block).intent.armed.load() != 0)
            return "block " + std::to_string(block) + " has an intent when nobody writes";
    return {};
}

} // namespace covey::test
