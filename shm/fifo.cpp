#include "fifo.hpp"

#include "commit.hpp"
#include "detail/participant_core.hpp"
#include "detail/words.hpp"
#include "free_cells.hpp"
#include "link.hpp"
#include "recovery.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace covey::shm {

namespace {

constexpr int tries_max = 256; // of a reaper, which does not wait

// A lease word: block + 1 << 48 | how often the item was popped. No block: it is not leased.
constexpr std::uint64_t deliveries_mask = 0xffff'ffff'ffff;

constexpr std::uint64_t lease_of(std::uint32_t block, std::uint64_t deliveries)
{
    return (std::uint64_t{block} + 1) << 48 | (deliveries & deliveries_mask);
}

constexpr bool is_held_by(std::uint64_t lease, std::uint32_t block)
{
    return lease >> 48 == std::uint64_t{block} + 1;
}

word& first_of(arena const& memory, field_plan const& field)
{
    return memory.bucket(field, 0);
}

queue_block& ends_of(arena const& memory, field_plan const& field)
{
    return memory.at<queue_block>(field.ends);
}

std::uint64_t lease_offset(field_plan const& field, std::uint64_t number)
{
    return field.leases + number * sizeof(word);
}

word& lease_in(arena const& memory, field_plan const& field, std::uint64_t number)
{
    return memory.at<word>(lease_offset(field, number));
}

word& next_of(arena const& memory, field_plan const& field, std::uint64_t number)
{
    return memory.at<cell_head>(memory.cell_offset(field, number)).next;
}

std::uint64_t next_offset(field_plan const& field, std::uint64_t number)
{
    return field.cells + number * field.cell_bytes + offsetof(cell_head, next);
}

std::uint64_t number_of(field_plan const& field, std::uint64_t cell)
{
    return (cell - field.cells) / field.cell_bytes;
}

// Revision, id, row.
std::uint64_t* slot_of(arena const& memory, field_plan const& field, std::uint64_t number)
{
    return memory.slot(memory.cell_offset(field, number), field, 0);
}

std::uint64_t id_of(arena const& memory, field_plan const& field, std::uint64_t number)
{
    std::uint64_t id = 0;
    load_words(&id, slot_of(memory, field, number) + 1, 1);
    return id;
}

// The link that ends the chain. What says where it is came from shared memory: a place that cannot
// be is taken for the chain's start, and what waited is lost with the rest of a broken segment.
std::uint64_t end_of_chain(arena const& memory, field_plan const& field)
{
    auto const last = ends_of(memory, field).last.load(std::memory_order_relaxed);
    bool const empty = first_of(memory, field).load(std::memory_order_relaxed) == 0;
    return empty || last == 0 || last > field.capacity ? field.buckets
                                                       : next_offset(field, last - 1);
}

// A way along the chain, from link to link; ends at the latest when a chain that is whole would.
struct chain_walk
{
    std::uint64_t at; // offset of a link
    std::uint64_t steps_left;
};

chain_walk start_of_chain(field_plan const& field)
{
    return {.at = field.buckets, .steps_left = field.capacity};
}

// Goes on to the link that leads past the place of an item: those before it are older. They are
// few: what waits and is older than something that was popped has come back itself.
void walk_to(arena const& memory, field_plan const& field, std::uint64_t id, chain_walk& way)
{
    for (; way.steps_left != 0; --way.steps_left) {
        link const next{memory.at<word>(way.at).load(std::memory_order_acquire)};
        if (next.empty() || next.cell() >= field.capacity || id_of(memory, field, next.cell()) > id)
            return;
        way.at = next_offset(field, next.cell());
    }
}

void stage_waiting(arena const& memory, field_plan const& field, std::int64_t more)
{
    auto const now = memory.shard(field, 0).rows.load(std::memory_order_relaxed);
    ends_of(memory, field)
        .rows_next.store(now + static_cast<std::uint64_t>(more), std::memory_order_release);
}

// Under the lock, in the block's name, with no intent of that block armed. The way leads to the
// item's place from an older one, and then stands behind the item.
std::uint64_t return_item(arena const& memory, std::uint32_t index, std::uint32_t block,
                          std::uint64_t number, chain_walk& way)
{
    auto const& field = memory.places().fields[index];
    auto const deliveries = lease_in(memory, field, number).load() & deliveries_mask;
    walk_to(memory, field, id_of(memory, field, number), way);
    auto const follows = memory.at<word>(way.at).load(std::memory_order_relaxed);
    operation op{memory, block, index, 0};
    op.arm(intent_kind::give_back, way.at, link::to(number, 0).word,
           memory.cell_offset(field, number), deliveries);
    auto const revision = op.take_revision();
    next_of(memory, field, number).store(follows, std::memory_order_release);
    stage_waiting(memory, field, 1);
    op.commit();
    settle_item(memory, field, op.what());
    op.announce();
    op.disarm();
    way.at = next_offset(field, number);
    return revision;
}

} // namespace

void settle_item(arena const& memory, field_plan const& field, intent_copy const& what)
{
    auto const number = number_of(field, what.cell);
    auto& ends = ends_of(memory, field);
    switch (what.kind) {
    case intent_kind::acknowledge:
        free_cell(memory, field, what.cell, what.mark);
        return;
    case intent_kind::lease:
    case intent_kind::give_back:
        lease_in(memory, field, number).store(what.mark, std::memory_order_release);
        break;
    case intent_kind::insert:
    case intent_kind::update: // this one and the others are no queue's
    case intent_kind::erase:
    case intent_kind::expire:
    case intent_kind::evict:
        break;
    }
    if (what.kind != intent_kind::lease && next_of(memory, field, number).load() == 0)
        ends.last.store(number + 1, std::memory_order_release);
    memory.shard(field, 0).rows.store(ends.rows_next.load(), std::memory_order_release);
}

fifo::fifo(participant::core& who, std::uint32_t field)
    : who_{&who}
    , memory_{who.memory.get()}
    , field_{&who.memory->places().fields[field]}
    , index_{field}
{}

outcome fifo::locked(detail::function_ref<outcome()> body)
{
    if (memory_->shard(*field_, 0).quarantined.load(std::memory_order_acquire) != 0)
        return outcome::quarantined;
    shard_lock lock{*memory_, index_, 0};
    shard_guard const held{lock, boost::interprocess::try_to_lock};
    return held ? body() : outcome::busy;
}

// Whether this worker has the item still, from this very delivery.
bool fifo::holds(item_lease const& item) const
{
    return item.cell < field_->capacity &&
           lease_in(*memory_, *field_, item.cell).load() ==
               lease_of(who_->block, item.deliveries) &&
           id_of(*memory_, *field_, item.cell) == item.id;
}

written_row fifo::push(std::uint64_t const* row)
{
    std::uint64_t revision = 0;
    auto const result = locked([&] {
        operation op{*memory_, who_->block, index_, 0};
        auto const cell = claim_cell(*who_, *field_, op, end_of_chain(*memory_, *field_), 0);
        if (cell == 0)
            return outcome::full;
        revision = op.take_revision();
        auto const number = number_of(*field_, cell);
        auto* const slot = slot_of(*memory_, *field_, number);
        next_of(*memory_, *field_, number).store(0, std::memory_order_release);
        store_words(slot, &revision, 1);
        store_words(slot + 1, &revision, 1); // the id
        store_words(slot + 2, row, field_->row_words);
        stage_waiting(*memory_, *field_, 1);
        op.commit();
        settle_item(*memory_, *field_, op.what());
        op.announce();
        op.disarm();
        return outcome::stored;
    });
    if (result == outcome::stored)
        who_->tell(index_);
    return {result, revision};
}

outcome fifo::pop(std::uint64_t* slot, item_lease& taken)
{
    return locked([&] {
        link const first{first_of(*memory_, *field_).load(std::memory_order_acquire)};
        if (first.empty() || first.cell() >= field_->capacity)
            return outcome::missing;
        auto const number = first.cell();
        load_words(slot, slot_of(*memory_, *field_, number), field_->slot_words());
        auto const before = lease_in(*memory_, *field_, number).load() & deliveries_mask;
        taken = {.id = slot[1], .deliveries = before + 1, .cell = number};
        operation op{*memory_, who_->block, index_, 0};
        op.arm(intent_kind::lease, field_->buckets,
               next_of(*memory_, *field_, number).load(std::memory_order_relaxed),
               memory_->cell_offset(*field_, number), lease_of(who_->block, taken.deliveries));
        stage_waiting(*memory_, *field_, -1);
        op.commit();
        settle_item(*memory_, *field_, op.what());
        op.disarm();
        return outcome::stored;
    });
}

outcome fifo::acknowledge(item_lease const& done)
{
    return locked([&] {
        if (!holds(done))
            return outcome::missing;
        auto const cell = memory_->cell_offset(*field_, done.cell);
        operation op{*memory_, who_->block, index_, 0};
        op.arm(intent_kind::acknowledge, lease_offset(*field_, done.cell), 0, cell,
               memory_->at<cell_head>(cell).owner.load(std::memory_order_relaxed));
        op.commit();
        settle_item(*memory_, *field_, op.what());
        op.disarm();
        return outcome::erased;
    });
}

written_row fifo::give_back(item_lease const& undone)
{
    std::uint64_t revision = 0;
    auto const result = locked([&] {
        if (!holds(undone))
            return outcome::missing;
        auto way = start_of_chain(*field_);
        revision = return_item(*memory_, index_, who_->block, undone.cell, way);
        return outcome::stored;
    });
    if (result == outcome::stored)
        who_->tell(index_);
    return {result, revision};
}

std::uint64_t fifo::waiting() const
{
    return memory_->shard(*field_, 0).rows.load(std::memory_order_relaxed);
}

std::uint64_t fifo::leased() const
{
    std::uint64_t out = 0;
    for (std::uint64_t number = 0; number != field_->capacity; ++number)
        out += lease_in(*memory_, *field_, number).load(std::memory_order_relaxed) >> 48 != 0;
    return out;
}

std::uint64_t fifo::capacity() const
{
    return field_->capacity;
}

bool return_leases(arena const& memory, std::uint32_t index, std::uint32_t block)
{
    auto const& field = memory.places().fields[index];
    // Without the lock: nobody but the dead block's own worker could take or end its leases.
    std::vector<std::uint64_t> held;
    for (std::uint64_t number = 0; number != field.capacity; ++number)
        if (is_held_by(lease_in(memory, field, number).load(), block))
            held.push_back(number);
    if (held.empty())
        return true;
    shard_lock lock{memory, index, 0};
    for (int tries = 1; !lock.try_lock_once(); ++tries) // others hold it for less than these take
        if (tries == tries_max)
            return false;
    // The oldest first: one walk along the chain finds the places of all.
    std::sort(held.begin(), held.end(),
              [&](auto a, auto b) { return id_of(memory, field, a) < id_of(memory, field, b); });
    auto way = start_of_chain(field);
    for (auto const number : held)
        if (is_held_by(lease_in(memory, field, number).load(), block)) // else a repair has
            return_item(memory, index, block, number, way);
    lock.unlock();
    return true;
}

} // namespace covey::shm
