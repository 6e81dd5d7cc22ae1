#include "cell_reader.hpp"

#include "chunk_pool.hpp"
#include "detail/words.hpp"
#include "expiry.hpp"
#include "link.hpp"

#include <algorithm>
#include <span>
#include <xxhash.h>

namespace covey::shm {

cell_reader::cell_reader(arena const& memory, field_plan const& field)
    : memory_{memory}
    , field_{field}
    , chain_max_{std::min(field.capacity, chain_cells_max)}
{}

bool cell_reader::copy_slot(std::uint64_t cell, std::uint64_t* slot) const
{
    auto& generation = memory_.at<cell_head>(cell).generation;
    for (int round = 0; round != rounds_max; ++round) {
        auto const before = generation.load(std::memory_order_acquire);
        load_words(slot, memory_.slot(cell, field_, before), field_.slot_words());
        acquire_fence();
        if (generation.load(std::memory_order_relaxed) == before)
            return true;
    }
    return false;
}

// The chunks of a value are free only after its row is another, or an erasure more.
bool cell_reader::copy_slot(std::uint64_t cell, std::uint64_t* slot,
                            std::vector<std::byte>& body) const
{
    if (field_.bound == 0)
        return copy_slot(cell, slot);
    auto& generation = memory_.at<cell_head>(cell).generation;
    for (int round = 0; round != rounds_max; ++round) {
        auto const before = generation.load(std::memory_order_acquire);
        bool const sound =
            copy_slot(cell, slot) &&
            copy_body(memory_, field_, slot + 1 + field_.key_words, [&](std::size_t bytes) {
                body.resize(bytes);
                return std::span{body};
            });
        acquire_fence();
        if (sound && generation.load(std::memory_order_relaxed) == before)
            return true;
    }
    return false;
}

std::uint64_t cell_reader::expiry_in(std::uint64_t const* slot) const
{
    return field_.keep.expires ? slot[1 + field_.key_words + field_.row_words] : 0;
}

bool cell_reader::is_there(std::uint64_t const* slot) const
{
    return !is_over(expiry_in(slot), coarse_now());
}

read_result cell_reader::look(std::uint64_t const* key, std::uint64_t hash, std::uint64_t* slot,
                              std::vector<std::byte>& body) const
{
    auto const bucket = hash & ((std::uint64_t{1} << field_.bucket_bits) - 1);
    auto& erasures = memory_.shard(field_, bucket >> field_.shard_shift).erasures;
    auto const before = erasures.load(std::memory_order_acquire);
    auto result = read_result::missing;
    link next{memory_.bucket(field_, bucket).load(std::memory_order_acquire)};
    for (std::uint64_t steps = 0; !next.empty(); ++steps) {
        if (next.cell() >= field_.capacity || steps == chain_max_)
            return read_result::busy;
        auto const cell = memory_.cell_offset(field_, next.cell());
        bool const candidate = next.may_be(hash);
        next.word = memory_.at<cell_head>(cell).next.load(std::memory_order_acquire);
        if (!candidate)
            continue;
        if (!copy_slot(cell, slot))
            return read_result::busy;
        if (equal_words(slot + 1, key, field_.key_words)) {
            if (field_.bound != 0 && !copy_slot(cell, slot, body))
                return read_result::busy;
            result = equal_words(slot + 1, key, field_.key_words) ? read_result::found
                                                                  : read_result::busy;
            break;
        }
    }
    acquire_fence();
    return erasures.load(std::memory_order_relaxed) == before ? result : read_result::busy;
}

read_result cell_reader::read(std::uint64_t const* key, std::uint64_t* slot,
                              std::vector<std::byte>& body) const
{
    if (field_.kind == field_kind::value)
        return copy_slot(field_.cells, slot, body) ? read_result::found : read_result::busy;
    auto const hash =
        XXH3_64bits_withSeed(key, field_.key_words * sizeof *key, memory_.head().secret);
    for (int round = 0; round != rounds_max; ++round) {
        auto const result = look(key, hash, slot, body);
        if (result == read_result::found && !is_there(slot))
            return read_result::missing;
        if (result != read_result::busy)
            return result;
    }
    return read_result::busy;
}

bool cell_reader::copy_chain(std::uint64_t bucket, chain& into, std::uint64_t& steps_left) const
{
    auto& slots = into.slots;
    slots.clear();
    into.bodies.clear();
    auto& erasures = memory_.shard(field_, bucket >> field_.shard_shift).erasures;
    auto const before = erasures.load(std::memory_order_acquire);
    link next{memory_.bucket(field_, bucket).load(std::memory_order_acquire)};
    for (std::uint64_t steps = 0; !next.empty(); ++steps, --steps_left) {
        if (next.cell() >= field_.capacity || steps == chain_max_ || steps_left == 0)
            return false;
        auto const cell = memory_.cell_offset(field_, next.cell());
        next.word = memory_.at<cell_head>(cell).next.load(std::memory_order_acquire);
        slots.resize(slots.size() + field_.slot_words());
        if (!copy_slot(cell, slots.data() + slots.size() - field_.slot_words(),
                       into.bodies.emplace_back()))
            return false;
    }
    acquire_fence();
    return erasures.load(std::memory_order_relaxed) == before;
}

std::uint64_t cell_reader::for_each(visitor visit, int patience) const
{
    chain copied;
    std::uint64_t left_out = 0;
    // No more than every chain takes when it is whole, again and again; a lost round is a short
    // one.
    auto steps_left = (chain_cells_max + field_.capacity) * rounds_max +
                      static_cast<std::uint64_t>(patience) * chain_cells_max;
    auto const buckets = std::uint64_t{1} << field_.bucket_bits;
    for (std::uint64_t bucket = 0; bucket != buckets; ++bucket) {
        int round = 1;
        while (!copy_chain(bucket, copied, steps_left) && round != patience)
            ++round;
        if (round == patience) {
            ++left_out;
            continue;
        }
        for (std::size_t i = 0; i != copied.bodies.size(); ++i)
            if (auto const* const slot = copied.slots.data() + i * field_.slot_words();
                is_there(slot))
                visit(slot, copied.bodies[i]);
    }
    return left_out;
}

} // namespace covey::shm
