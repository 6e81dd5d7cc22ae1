// fsck_chunks: compares a field's pool of chunks with the values that its rows tell of: each chunk
// is free and hinted, or belongs to exactly one value, exactly once. Call it when nobody writes.
#pragma once

#include "support/fsck.hpp"

#include <covey/shm/arena.hpp>
#include <covey/shm/link.hpp>
#include <covey/shm/segment.hpp>
#include <set>
#include <string>

namespace covey::test {

namespace detail {

// Follows one row's chain; empty when it is sound.
inline std::string fsck_value(shm::arena const& memory, shm::field_plan const& field,
                              std::uint64_t cell, std::set<std::uint64_t>& owned)
{
    auto const generation = memory.at<shm::cell_head>(cell).generation.load();
    auto const* const row = memory.slot(cell, field, generation) + 1 + field.key_words;
    if (row[0] > field.bound)
        return "a value is longer than its bound";
    auto next = row[1];
    for (auto left = (row[0] + shm::chunk_room - 1) / shm::chunk_room; left != 0; --left) {
        if (next == 0 || next > field.chunks)
            return "a value's chain ends too early";
        auto const& chunk = memory.at<shm::chunk_head>(field.pool + (next - 1) * shm::chunk_bytes);
        if (!owned.insert(next - 1).second)
            return "chunk " + std::to_string(next - 1) + " belongs to two values";
        if (chunk.owner.load() != row[2])
            return "chunk " + std::to_string(next - 1) + " bears another mark than its value";
        next = chunk.next.load();
    }
    return {};
}

} // namespace detail

// Empty when all is well, else the first thing wrong.
inline std::string fsck_chunks(segment const& where, std::uint32_t index)
{
    auto const& memory = *where.memory();
    auto const& field = memory.places().fields[index];
    std::set<std::uint64_t> owned;
    if (field.kind == field_kind::value) {
        if (auto wrong = detail::fsck_value(memory, field, field.cells, owned); !wrong.empty())
            return wrong;
    } else if (auto wrong = fsck(where, index); !wrong.empty())
        return wrong;
    else
        for (std::uint64_t bucket = 0; bucket != std::uint64_t{1} << field.bucket_bits; ++bucket)
            for (shm::link next{memory.bucket(field, bucket).load()}; !next.empty();) {
                auto const cell = memory.cell_offset(field, next.cell());
                if (auto found = detail::fsck_value(memory, field, cell, owned); !found.empty())
                    return found;
                next.word = memory.at<shm::cell_head>(cell).next.load();
            }
    for (std::uint64_t number = 0; number != field.chunks; ++number) {
        if (owned.contains(number))
            continue;
        auto const& chunk = memory.at<shm::chunk_head>(field.pool + number * shm::chunk_bytes);
        if (chunk.owner.load() != 0)
            return "chunk " + std::to_string(number) + " is lost: no value's, not free";
        auto const& hints = memory.at<shm::word>(field.chunk_hints + number / 64 * 8);
        if ((hints.load() >> number % 64 & 1) == 0)
            return "chunk " + std::to_string(number) + " is free and nobody will find it";
    }
    return {};
}

} // namespace covey::test
