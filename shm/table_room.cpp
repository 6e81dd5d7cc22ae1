// How a map makes room: rows whose time is over, and rows that nobody has asked for (CLOCK).
//
// Every removal is an erasure of its own, under the victim's shard's lock and by the same intent,
// with its own revision and announcement. The search locks nothing. What it goes by (the hand, the
// next expiry, the visited bits) are hints: a death can make a search longer, not wrong.
#include "expiry.hpp"
#include "table.hpp"

#include "detail/participant_core.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace covey::shm {

namespace {

// As the next expiry: somebody is searching, and will say what it found.
constexpr auto searching = std::numeric_limits<std::uint64_t>::max();
constexpr auto nobody = expiry_round{}.soonest;

bool lower(word& hint, std::uint64_t to)
{
    auto seen = hint.load(std::memory_order_relaxed);
    while (seen == 0 || to < seen)
        if (hint.compare_exchange_weak(seen, to, std::memory_order_acq_rel))
            return true;
    return false;
}

} // namespace

std::uint64_t table::expiry_of(ttl lives)
{
    return shm::expiry_of(lives);
}

std::uint64_t table::expiry_in(std::uint64_t const* slot) const
{
    return field_->keep.expires ? slot[1 + field_->key_words + field_->row_words] : 0;
}

bool table::is_there(std::uint64_t const* slot) const
{
    auto const expiry = expiry_in(slot);
    return expiry == 0 || !is_over(expiry, coarse_now());
}

void table::note_visit(std::uint64_t cell) const
{
    if (field_->visited == 0)
        return;
    auto const number = (cell - field_->cells) / field_->cell_bytes;
    auto& bits = memory_->at<word>(field_->visited + number / 64 * sizeof(word));
    auto const bit = std::uint64_t{1} << number % 64;
    if ((bits.load(std::memory_order_relaxed) & bit) == 0) // else the line stays everybody's
        bits.fetch_or(bit, std::memory_order_relaxed);
}

// Before the row is there: whoever searches now has passed its cell, or will see this.
void table::note_expiry(std::uint64_t expiry)
{
    if (expiry != 0 && lower(memory_->at<clock_block>(field_->clock).next_expiry, expiry))
        who_->sooner_expiry = true;
}

std::uint64_t table::next_expiry() const
{
    auto const next = memory_->at<clock_block>(field_->clock).next_expiry.load();
    return next == searching ? 0 : next;
}

// The row that the cell holds at this moment, if it is to go: by key, so that whatever becomes of
// the cell meanwhile, nothing else is removed.
bool table::remove_cell(intent_kind why, std::uint64_t cell, std::uint64_t* slot)
{
    if (!copy_slot(cell, slot))
        return false;
    auto const revision = slot[0];
    std::array<std::uint64_t, key_words_max> key;
    std::copy_n(slot + 1, field_->key_words, key.begin());
    return remove(why, key.data(), slot, [&](current_row const& now) {
               return now.revision == revision;
           }).result == outcome::erased;
}

bool table::begin(expiry_round& round)
{
    round = {};
    if (!field_->keep.expires)
        return false;
    auto& clock = memory_->at<clock_block>(field_->clock);
    auto hint = clock.next_expiry.load(std::memory_order_acquire);
    if (hint == 0 || hint == searching || hint > coarse_now() ||
        !clock.next_expiry.compare_exchange_strong(hint, searching))
        return false;
    round.claimed = true;
    round.next = clock.hand.load(std::memory_order_relaxed);
    round.left = field_->capacity;
    return true;
}

std::uint64_t table::go_on(expiry_round& round, std::uint64_t cells, std::uint64_t most,
                           std::uint64_t* scratch)
{
    auto const now = coarse_now();
    std::uint64_t removed = 0;
    for (; round.left != 0 && cells != 0 && removed != most; --round.left, --cells, ++round.next) {
        auto const cell = memory_->cell_offset(*field_, round.next % field_->capacity);
        if (memory_->at<cell_head>(cell).owner.load(std::memory_order_acquire) == 0 ||
            !copy_slot(cell, scratch))
            continue;
        auto const expiry = expiry_in(scratch);
        if (is_over(expiry, now) && remove_cell(intent_kind::expire, cell, scratch))
            ++removed;
        else if (expiry != 0)
            round.soonest = std::min(round.soonest, std::max(expiry, now + 1));
    }
    if (round.left == 0)
        end(round);
    return removed;
}

void table::end(expiry_round& round)
{
    if (!std::exchange(round.claimed, false))
        return;
    auto& clock = memory_->at<clock_block>(field_->clock);
    if (std::exchange(round.left, 0) != 0) {
        round.soonest = 1; // there may be more
        clock.hand.store(round.next % field_->capacity, std::memory_order_relaxed);
    }
    // Nothing was noted meanwhile and nothing was found: no row will ever be over.
    auto expected = searching;
    if (round.soonest != nobody)
        lower(clock.next_expiry, round.soonest);
    else
        clock.next_expiry.compare_exchange_strong(expected, 0);
}

std::uint64_t table::expire(std::uint64_t most, std::uint64_t* scratch)
{
    expiry_round round;
    if (!begin(round)) {
        if (!field_->keep.expires ||
            memory_->at<clock_block>(field_->clock).next_expiry.load() != searching)
            return 0;
        round.left = field_->capacity; // somebody is at it, who may be slow: beside that
    }
    auto const removed = go_on(round, field_->capacity, most, scratch);
    end(round);
    return removed;
}

bool table::evict_one(std::uint64_t* scratch)
{
    auto& clock = memory_->at<clock_block>(field_->clock);
    // Twice around finds one, unless every row is asked for while the hand comes round.
    for (std::uint64_t i = 0; i != 2 * field_->capacity + 1; ++i) {
        auto const number = clock.hand.fetch_add(1, std::memory_order_relaxed) % field_->capacity;
        auto const cell = memory_->cell_offset(*field_, number);
        auto& bits = memory_->at<word>(field_->visited + number / 64 * sizeof(word));
        auto const bit = std::uint64_t{1} << number % 64;
        if ((bits.load(std::memory_order_relaxed) & bit) != 0)
            bits.fetch_and(~bit, std::memory_order_relaxed);
        else if (memory_->at<cell_head>(cell).owner.load(std::memory_order_acquire) != 0 &&
                 remove_cell(intent_kind::evict, cell, scratch))
            return true;
    }
    return false;
}

bool table::make_room(std::uint64_t* scratch, std::uint32_t& evicted)
{
    if (field_->keep.full == when_full::reject)
        return false;
    if (expire(1, scratch) != 0)
        return true;
    if (field_->keep.full != when_full::evict || !evict_one(scratch))
        return false;
    ++evicted;
    return true;
}

} // namespace covey::shm
