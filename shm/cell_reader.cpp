#include "cell_reader.hpp"

#include "detail/words.hpp"
#include "expiry.hpp"
#include "link.hpp"

#include <algorithm>
#include <xxhash.h>

namespace covey::shm {

namespace {

constexpr int rounds_max = 16; // lost to faster writers

// Chains are of 1.25 cells on average, and the hash is keyed: one of so many is a ring of links.
constexpr std::uint64_t chain_cells_max = 1024;

} // namespace

cell_reader::cell_reader(arena const& memory, field_plan const& field)
    : memory_{memory}
    , field_{field}
    , chain_max_{std::min(field.capacity, chain_cells_max)}
{}

bool cell_reader::copy_slot(std::uint64_t cell, std::uint64_t* slot,
                            place_for_body const* into) const
{
    auto& generation = memory_.at<cell_head>(cell).generation;
    for (int round = 0; round != rounds_max; ++round) {
        auto const before = generation.load(std::memory_order_acquire);
        load_words(slot, memory_.slot(cell, field_, before), field_.slot_words());
        if (into != nullptr && !copy_body(memory_, field_, slot + 1 + field_.key_words, *into))
            continue;
        acquire_fence();
        if (generation.load(std::memory_order_relaxed) == before)
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
                              place_for_body const* into) const
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
        if (!copy_slot(cell, slot, into))
            return read_result::busy;
        if (equal_words(slot + 1, key, field_.key_words)) {
            result = read_result::found;
            break;
        }
    }
    acquire_fence();
    return erasures.load(std::memory_order_relaxed) == before ? result : read_result::busy;
}

read_result cell_reader::read(std::uint64_t const* key, std::uint64_t* slot,
                              place_for_body const* into) const
{
    if (field_.kind == field_kind::value)
        return copy_slot(field_.cells, slot, into) ? read_result::found : read_result::busy;
    auto const hash =
        XXH3_64bits_withSeed(key, field_.key_words * sizeof *key, memory_.head().secret);
    for (int round = 0; round != rounds_max; ++round) {
        auto const result = look(key, hash, slot, into);
        if (result == read_result::found && !is_there(slot))
            return read_result::missing;
        if (result != read_result::busy)
            return result;
    }
    return read_result::busy;
}

bool cell_reader::copy_chain(std::uint64_t bucket, std::vector<std::uint64_t>& slots,
                             std::uint64_t& steps_left) const
{
    slots.clear();
    auto& erasures = memory_.shard(field_, bucket >> field_.shard_shift).erasures;
    auto const before = erasures.load(std::memory_order_acquire);
    link next{memory_.bucket(field_, bucket).load(std::memory_order_acquire)};
    for (std::uint64_t steps = 0; !next.empty(); ++steps, --steps_left) {
        if (next.cell() >= field_.capacity || steps == chain_max_ || steps_left == 0)
            return false;
        auto const cell = memory_.cell_offset(field_, next.cell());
        next.word = memory_.at<cell_head>(cell).next.load(std::memory_order_acquire);
        slots.resize(slots.size() + field_.slot_words());
        if (!copy_slot(cell, slots.data() + slots.size() - field_.slot_words()))
            return false;
    }
    acquire_fence();
    return erasures.load(std::memory_order_relaxed) == before;
}

std::uint64_t cell_reader::for_each(detail::function_ref<void(std::uint64_t const*)> visit) const
{
    std::vector<std::uint64_t> slots;
    std::uint64_t left_out = 0;
    auto steps_left = std::uint64_t{rounds_max} * (chain_cells_max + field_.capacity);
    auto const buckets = std::uint64_t{1} << field_.bucket_bits;
    for (std::uint64_t bucket = 0; bucket != buckets; ++bucket) {
        int round = 1;
        while (!copy_chain(bucket, slots, steps_left) && round != rounds_max)
            ++round;
        if (round == rounds_max) {
            ++left_out;
            continue;
        }
        for (std::size_t at = 0; at != slots.size(); at += field_.slot_words())
            if (is_there(slots.data() + at))
                visit(slots.data() + at);
    }
    return left_out;
}

} // namespace covey::shm
