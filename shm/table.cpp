#include "table.hpp"

#include "chunk_pool.hpp"
#include "commit.hpp"
#include "detail/participant_core.hpp"
#include "detail/words.hpp"
#include "free_cells.hpp"
#include "link.hpp"
#include "recovery.hpp"

#include <algorithm>
#include <cstddef>
#include <xxhash.h>

namespace covey::shm {

namespace {

constexpr int rounds_max = 16; // lost to faster writers, before a reader takes the lock
constexpr std::uint32_t prefetched_max = 8 * line_bytes; // more than that the hardware foresees

cell_head& head_of(arena const& memory, std::uint64_t cell)
{
    return memory.at<cell_head>(cell);
}

// Which of its slots counts is known only when the head is here: all of a small cell is asked for
// at once, instead of one miss behind the other.
inline void prefetch_cell(cell_head const& head, std::uint32_t bytes)
{
    auto const* const first = reinterpret_cast<std::byte const*>(&head);
    for (std::uint32_t at = 0; at < bytes && at != prefetched_max; at += line_bytes)
        __builtin_prefetch(first + at);
}

} // namespace

put_result to_put_result(outcome result, put_result kept)
{
    switch (result) {
    case outcome::stored:
        return put_result::stored;
    case outcome::full:
        return put_result::full;
    case outcome::busy:
        return put_result::busy;
    case outcome::quarantined:
        return put_result::quarantined;
    case outcome::kept:
    case outcome::erased:
    case outcome::missing:
        break;
    }
    return kept;
}

table::table(participant::core& who, std::uint32_t field)
    : who_{&who}
    , memory_{who.memory.get()}
    , field_{&who.memory->places().fields[field]}
    , index_{field}
{}

std::uint64_t table::hash(std::uint64_t const* key) const
{
    if (field_->key_words == 0)
        return 0;
    return XXH3_64bits_withSeed(key, field_->key_words * sizeof *key, memory_->head().secret);
}

std::uint64_t table::bucket_of(std::uint64_t hash) const
{
    return hash & ((std::uint64_t{1} << field_->bucket_bits) - 1);
}

std::uint32_t table::shard_of(std::uint64_t hash) const
{
    return static_cast<std::uint32_t>(bucket_of(hash) >> field_->shard_shift);
}

// ---- reading
// -------------------------------------------------------------------------------------

bool table::copy_slot(std::uint64_t cell, std::uint64_t* slot, place_for const* into) const
{
    auto& generation = head_of(*memory_, cell).generation;
    for (int round = 0; round != rounds_max; ++round) {
        auto const before = generation.load(std::memory_order_acquire);
        load_words(slot, memory_->slot(cell, *field_, before), field_->slot_words());
        // What is copied by a slot that is torn or old is any bytes, but of the pool's.
        if (into != nullptr && !copy_body(*memory_, *field_, slot + 1 + field_->key_words, *into))
            continue;
        acquire_fence();
        // One newer is too new: its writer's successor may be writing over the slot just copied.
        if (generation.load(std::memory_order_relaxed) == before)
            return true;
    }
    return false;
}

table::search table::look(std::uint64_t const* key, std::uint64_t hash, std::uint64_t* slot,
                          place_for const* into) const
{
    auto& erasures = memory_->shard(*field_, shard_of(hash)).erasures;
    auto const before = erasures.load(std::memory_order_acquire);
    auto const settled = [&] {
        acquire_fence();
        return erasures.load(std::memory_order_relaxed) == before;
    };
    link next{memory_->bucket(*field_, bucket_of(hash)).load(std::memory_order_acquire)};
    for (std::uint64_t steps = 0; !next.empty(); ++steps) {
        // A freed cell has led astray; if not, somebody has written over the chain.
        if (next.cell() >= field_->capacity || steps > field_->capacity)
            break;
        auto const cell = memory_->cell_offset(*field_, next.cell());
        bool const candidate = next.may_be(hash);
        if (candidate)
            prefetch_cell(head_of(*memory_, cell), field_->cell_bytes);
        next.word = head_of(*memory_, cell).next.load(std::memory_order_acquire);
        if (!candidate)
            continue;
        if (!copy_slot(cell, slot, into))
            return search::unsettled;
        // A cell freed and taken again for this very key may hold a row that is not committed yet,
        // so a hit, too, counts only if nothing was erased on the way.
        if (equal_words(slot + 1, key, field_->key_words)) {
            note_visit(cell);
            return settled() ? search::found : search::unsettled;
        }
    }
    return settled() ? search::missed : search::unsettled;
}

bool table::read(std::uint64_t const* key, std::uint64_t* slot) const
{
    return read(key, slot, nullptr);
}

bool table::read(std::uint64_t const* key, std::uint64_t* slot, place_for into) const
{
    return read(key, slot, &into);
}

bool table::read_body(current_row const& now, place_for into) const
{
    return copy_body(*memory_, *field_, now.row, into);
}

bool table::read(std::uint64_t const* key, std::uint64_t* slot, place_for const* into) const
{
    bool const keyed = field_->kind == field_kind::map;
    auto const hashed = hash(key);
    for (;;) {
        for (int round = 0; round != rounds_max; ++round) {
            if (!keyed) {
                if (copy_slot(field_->cells, slot, into))
                    return true;
                continue;
            }
            if (auto const result = look(key, hashed, slot, into); result != search::unsettled)
                return result == search::found && is_there(slot);
        }
        shard_lock lock{*memory_, index_, keyed ? shard_of(hashed) : 0};
        shard_guard const held{lock, boost::interprocess::try_to_lock};
        if (held) // else its holder is stopped, and so is no longer in our way
            return find_locked(key, hashed, slot).cell != 0 && is_there(slot) &&
                   (into == nullptr ||
                    copy_body(*memory_, *field_, slot + 1 + field_->key_words, *into));
    }
}

bool table::copy_bucket(std::uint64_t bucket, std::vector<std::uint64_t>& slots) const
{
    slots.clear();
    auto& erasures =
        memory_->shard(*field_, static_cast<std::uint32_t>(bucket >> field_->shard_shift)).erasures;
    auto const before = erasures.load(std::memory_order_acquire);
    link next{memory_->bucket(*field_, bucket).load(std::memory_order_acquire)};
    for (std::uint64_t steps = 0; !next.empty(); ++steps) {
        if (next.cell() >= field_->capacity || steps > field_->capacity)
            break; // as in look
        auto const cell = memory_->cell_offset(*field_, next.cell());
        next.word = head_of(*memory_, cell).next.load(std::memory_order_acquire);
        slots.resize(slots.size() + field_->slot_words());
        if (!copy_slot(cell, slots.data() + slots.size() - field_->slot_words()))
            return false;
    }
    acquire_fence();
    return erasures.load(std::memory_order_relaxed) == before;
}

void table::for_each(detail::function_ref<void(std::uint64_t const*)> visit) const
{
    std::vector<std::uint64_t> slots;
    auto const buckets = std::uint64_t{1} << field_->bucket_bits;
    for (std::uint64_t bucket = 0; bucket != buckets; ++bucket) {
        for (int round = 1; !copy_bucket(bucket, slots); ++round) {
            if (round % rounds_max != 0)
                continue;
            shard_lock lock{*memory_, index_,
                            static_cast<std::uint32_t>(bucket >> field_->shard_shift)};
            shard_guard const held{lock, boost::interprocess::try_to_lock};
            if (held && copy_bucket(bucket, slots))
                break;
        }
        for (std::size_t at = 0; at != slots.size(); at += field_->slot_words())
            if (is_there(slots.data() + at))
                visit(slots.data() + at);
    }
}

std::uint64_t table::size() const
{
    std::uint64_t rows = 0;
    for (std::uint32_t shard = 0; shard != field_->shard_count; ++shard)
        rows += memory_->shard(*field_, shard).rows.load(std::memory_order_relaxed);
    return rows;
}

std::uint64_t table::capacity() const
{
    return field_->capacity;
}

// ---- writing, under the shard's lock
// -------------------------------------------------------------

table::place table::find_locked(std::uint64_t const* key, std::uint64_t hash,
                                std::uint64_t* slot) const
{
    if (field_->kind != field_kind::map) {
        load_words(slot,
                   memory_->slot(field_->cells, *field_,
                                 head_of(*memory_, field_->cells).generation.load()),
                   field_->slot_words());
        return {.link = 0, .cell = field_->cells};
    }
    place at{.link = field_->buckets + bucket_of(hash) * sizeof(word), .cell = 0};
    for (std::uint64_t steps = 0; steps <= field_->capacity; ++steps) {
        link const next{memory_->at<word>(at.link).load(std::memory_order_acquire)};
        if (next.empty() || next.cell() >= field_->capacity)
            return {.link = field_->buckets + bucket_of(hash) * sizeof(word), .cell = 0};
        auto const cell = memory_->cell_offset(*field_, next.cell());
        if (next.may_be(hash)) {
            prefetch_cell(head_of(*memory_, cell), field_->cell_bytes);
            auto const generation =
                head_of(*memory_, cell).generation.load(std::memory_order_relaxed);
            load_words(slot, memory_->slot(cell, *field_, generation), field_->slot_words());
            if (equal_words(slot + 1, key, field_->key_words))
                return {.link = at.link, .cell = cell};
        }
        at.link = cell + offsetof(cell_head, next);
    }
    return at;
}

void table::fill(std::uint64_t cell, std::uint64_t revision, std::uint64_t const* key,
                 std::uint64_t const* row)
{
    if (field_->keep.expires)
        note_expiry(row[field_->row_words]);
    auto const generation = head_of(*memory_, cell).generation.load(std::memory_order_relaxed);
    auto* const slot = memory_->slot(cell, *field_, generation + 1);
    release_fence(); // a reader that sees any of the new body also sees the last generation
    store_words(slot, &revision, 1);
    store_words(slot + 1, key, field_->key_words);
    store_words(slot + 1 + field_->key_words, row, field_->slot_words() - 1 - field_->key_words);
}

// A new value's chunks, before the commit; false: there are not enough, and none is taken.
bool table::store_body(operation const& op, std::uint32_t shard, next_body const& body,
                       std::uint64_t* row)
{
    chunk_pool pool{*memory_, *field_, shard};
    return pool.store(body.bytes, *who_, op.mark(), row);
}

// After an operation: its own chunks are taken back, or those of the value that was go.
void table::settle_body(operation const& op, intent_kind kind, std::uint32_t shard,
                        std::uint64_t cell, bool committed)
{
    if (field_->chunks != 0)
        chunk_pool{*memory_, *field_, shard}.settle(kind, cell, op.mark(), committed);
}

written_row table::update(place where, std::uint32_t shard, std::uint64_t const* key,
                          std::uint64_t* row, next_body const* body)
{
    auto& head = head_of(*memory_, where.cell);
    operation op{*memory_, who_->block, index_, shard};
    if (field_->chunks != 0)
        chunk_pool{*memory_, *field_, shard}.begin();
    op.arm(intent_kind::update, where.cell, head.generation.load(std::memory_order_relaxed) + 1,
           where.cell, head.owner.load(std::memory_order_relaxed));
    note_visit(where.cell); // a new row is not visited: until it is asked for again, it goes first
    if (body != nullptr && body->set && !store_body(op, shard, *body, row)) {
        settle_body(op, intent_kind::update, shard, where.cell, false);
        op.disarm();
        return {outcome::full, 0};
    }
    auto const revision = op.take_revision();
    fill(where.cell, revision, key, row);
    op.commit();
    op.announce();
    settle_body(op, intent_kind::update, shard, where.cell, true);
    op.disarm();
    return {outcome::stored, revision};
}

written_row table::insert(std::uint64_t hash, std::uint64_t const* key, std::uint64_t* row,
                          next_body const* body)
{
    auto const shard = shard_of(hash);
    auto const bucket = field_->buckets + bucket_of(hash) * sizeof(word);
    operation op{*memory_, who_->block, index_, shard};
    if (field_->chunks != 0)
        chunk_pool{*memory_, *field_, shard}.begin();
    auto const cell = claim_cell(*who_, *field_, op, bucket, hash);
    if (cell == 0)
        return {outcome::full, 0};
    if (body != nullptr && !store_body(op, shard, *body, row)) {
        settle_body(op, intent_kind::insert, shard, cell, false);
        free_cell(*memory_, *field_, cell, op.mark());
        op.disarm();
        return {outcome::full, 0};
    }
    auto& head = head_of(*memory_, cell);
    auto const revision = op.take_revision();
    head.next.store(memory_->at<word>(bucket).load(std::memory_order_relaxed),
                    std::memory_order_release);
    fill(cell, revision, key, row);
    head.generation.fetch_add(1, std::memory_order_acq_rel);
    op.commit();
    memory_->shard(*field_, shard).rows.fetch_add(1, std::memory_order_relaxed);
    op.announce();
    op.disarm();
    return {outcome::stored, revision};
}

// Before the lock: whoever set the mark waits for nobody, and one write more does no harm.
bool table::is_quarantined(std::uint32_t shard) const
{
    return memory_->shard(*field_, shard).quarantined.load(std::memory_order_acquire) != 0;
}

written_row table::write(std::uint64_t const* key, std::uint64_t* scratch, decision decide,
                         next_body* body)
{
    std::uint32_t evicted = 0;
    auto done = write_once(key, scratch, decide, body);
    // Somebody else may be faster to take the cell that was freed; a large value takes the room of
    // many small ones.
    auto const rounds = rounds_max + (field_->chunks != 0 ? field_->capacity : 0);
    for (std::uint64_t round = 0; done.result == outcome::full && round != rounds; ++round) {
        if (!make_room(scratch, evicted))
            break;
        done = write_once(key, scratch, decide, body);
    }
    done.evicted = evicted;
    return done;
}

written_row table::write_once(std::uint64_t const* key, std::uint64_t* scratch, decision decide,
                              next_body* body)
{
    auto const hashed = hash(key);
    auto const shard = field_->kind == field_kind::map ? shard_of(hashed) : 0;
    written_row done;
    if (is_quarantined(shard))
        return {outcome::quarantined, 0};
    {
        shard_lock lock{*memory_, index_, shard};
        shard_guard const held{lock, boost::interprocess::try_to_lock};
        if (!held)
            return {outcome::busy, 0};
        auto const where = find_locked(key, hashed, scratch);
        auto* const row = scratch + 1 + field_->key_words; // the current row; becomes the next
        current_row now{};
        if (where.cell != 0 && is_there(scratch))
            now = {.row = row, .revision = scratch[0]};
        else
            std::fill_n(row, field_->slot_words() - 1 - field_->key_words, 0);
        if (!decide(now, row))
            return {outcome::kept, now.revision};
        done =
            where.cell != 0 ? update(where, shard, key, row, body) : insert(hashed, key, row, body);
    }
    if (done.result == outcome::stored)
        who_->tell(index_);
    return done;
}

written_row table::erase(std::uint64_t const* key, std::uint64_t* scratch, condition allowed)
{
    return remove(intent_kind::erase, key, scratch, allowed);
}

written_row table::remove(intent_kind why, std::uint64_t const* key, std::uint64_t* scratch,
                          condition allowed)
{
    auto const hashed = hash(key);
    std::uint64_t revision = 0;
    if (is_quarantined(shard_of(hashed)))
        return {outcome::quarantined, 0};
    {
        shard_lock lock{*memory_, index_, shard_of(hashed),
                        why == intent_kind::erase ? lock_patience : room_patience};
        shard_guard const held{lock, boost::interprocess::try_to_lock};
        if (!held)
            return {outcome::busy, 0};
        auto const where = find_locked(key, hashed, scratch);
        if (where.cell == 0 || (why != intent_kind::expire && !is_there(scratch)))
            return {outcome::missing, 0};
        if (!allowed({.row = scratch + 1 + field_->key_words, .revision = scratch[0]}))
            return {outcome::kept, scratch[0]};
        auto& head = head_of(*memory_, where.cell);
        auto& shard = memory_->shard(*field_, shard_of(hashed));
        auto const owner = head.owner.load(std::memory_order_relaxed);
        operation op{*memory_, who_->block, index_, shard_of(hashed)};
        if (field_->chunks != 0)
            chunk_pool{*memory_, *field_, shard_of(hashed)}.begin();
        op.arm(why, where.link, head.next.load(std::memory_order_relaxed), where.cell, owner);
        revision = op.take_revision();
        shard.removed.store(revision, std::memory_order_release);
        // Before as well: who finds no row twice, and this unchanged, knows that there was none
        // between.
        shard.erasures.fetch_add(1, std::memory_order_acq_rel);
        op.commit();
        shard.erasures.fetch_add(1, std::memory_order_acq_rel); // before the cell can be reused
        shard.rows.fetch_sub(1, std::memory_order_relaxed);
        op.announce();
        settle_body(op, why, shard_of(hashed), where.cell, true);
        free_cell(*memory_, *field_, where.cell, owner);
        op.disarm();
    }
    who_->tell(index_);
    return {outcome::erased, revision};
}

} // namespace covey::shm
