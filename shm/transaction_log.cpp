#include "transaction_log.hpp"

#include "free_cells.hpp"
#include "recovery.hpp"

#include <algorithm>
#include <optional>

namespace covey::shm {

namespace {

// The block whose transaction a shard's mark names; the word may hold anything.
std::optional<std::uint32_t> author_in(arena const& memory, std::uint64_t mark)
{
    auto const block = (mark >> 48) - 1;
    if (block >= memory.places().blocks)
        return std::nullopt;
    return static_cast<std::uint32_t>(block);
}

constexpr std::uint64_t stamp_of(std::uint64_t operation, transaction_state state)
{
    return operation << transaction_state_bits | static_cast<std::uint64_t>(state);
}

constexpr transaction_state state_in(std::uint64_t stamp)
{
    return static_cast<transaction_state>(stamp & ((1U << transaction_state_bits) - 1));
}

constexpr std::uint64_t operation_in(std::uint64_t stamp)
{
    return stamp >> transaction_state_bits;
}

void store_entry(transaction_entry& to, intent_copy const& row)
{
    auto const release = std::memory_order_release;
    to.kind.store(static_cast<std::uint32_t>(row.kind), release);
    to.field.store(row.field, release);
    to.shard.store(row.shard, release);
    to.commit_word.store(row.commit_word, release);
    to.target.store(row.target, release);
    to.cell.store(row.cell, release);
    to.mark.store(row.mark, release);
}

// A block's transaction as plain values.
struct transaction_copy
{
    std::array<intent_copy, transaction_rows_max> rows{};
    std::size_t count = 0;

    std::span<intent_copy const> all() const { return {rows.data(), count}; }
};

transaction_copy read_transaction(transaction_block const& shared)
{
    transaction_copy out;
    out.count = std::min<std::uint64_t>(shared.count.load(relaxed), transaction_rows_max);
    auto const operation = operation_in(shared.stamp.load(relaxed));
    auto const revision = shared.revision.load(relaxed);
    for (std::size_t i = 0; i != out.count; ++i) {
        auto const& entry = shared.entries[i];
        out.rows[i] = {.kind = static_cast<intent_kind>(entry.kind.load(relaxed)),
                       .field = entry.field.load(relaxed),
                       .shard = entry.shard.load(relaxed),
                       .operation = operation,
                       .revision = revision,
                       .commit_word = entry.commit_word.load(relaxed),
                       .target = entry.target.load(relaxed),
                       .cell = entry.cell.load(relaxed),
                       .mark = entry.mark.load(relaxed)};
    }
    return out;
}

bool has_shard(arena const& memory, intent_copy const& row)
{
    auto const& fields = memory.places().fields;
    return row.field < fields.size() && row.shard < fields[row.field].shard_count;
}

shard_block& shard_of(arena const& memory, intent_copy const& row)
{
    return memory.shard(memory.places().fields[row.field], row.shard);
}

// Drops what no transaction of this mark can have written down.
void keep_plausible(arena const& memory, transaction_copy& found, std::uint64_t mark)
{
    auto const wrong = [&](intent_copy const& row) {
        return !has_shard(memory, row) || !plausible(memory, row) ||
               memory.places().fields[row.field].kind == field_kind::queue ||
               memory.places().fields[row.field].chunks != 0 ||
               shard_of(memory, row).transaction.load(std::memory_order_relaxed) != mark;
    };
    auto const end = found.rows.begin() + static_cast<std::ptrdiff_t>(found.count);
    found.count = static_cast<std::size_t>(std::remove_if(found.rows.begin(), end, wrong) -
                                           found.rows.begin());
}

// Under its settling lock, when its author is dead.
void settle_block(arena const& memory, std::uint32_t block, std::uint64_t mark)
{
    auto& shared = memory.transaction(block);
    auto const stamp = shared.stamp.load(std::memory_order_acquire);
    auto found = read_transaction(shared);
    if (state_in(stamp) == transaction_state::prepared) {
        for (auto const& row : found.all()) {
            // Its commit word is not known yet, so this is all that is looked at.
            auto taken = row;
            taken.kind = intent_kind::update;
            taken.commit_word = row.cell;
            if (row.kind == intent_kind::insert && row.mark == mark && has_shard(memory, row) &&
                plausible(memory, taken))
                free_cell(memory, memory.places().fields[row.field], row.cell, row.mark);
        }
        shared.stamp.store(stamp_of(operation_in(stamp), transaction_state::undone),
                           std::memory_order_release);
    }
    if (state_in(stamp) == transaction_state::committed) {
        keep_plausible(memory, found, mark);
        carry_out(memory, block, found.all(), shared.ring_from.load(std::memory_order_relaxed));
        for (auto const& row : found.all()) {
            auto const& field = memory.places().fields[row.field];
            if (field.kind == field_kind::map)
                shard_of(memory, row)
                    .rows.store(count_rows(memory, field, row.shard), std::memory_order_relaxed);
        }
        shared.stamp.store(stamp_of(operation_in(stamp), transaction_state::done),
                           std::memory_order_release);
    }
}

} // namespace

transaction_log::transaction_log(arena const& memory, std::uint32_t block)
    : memory_{memory}
    , block_{block}
    , shared_{memory.transaction(block)}
    , number_{memory.block(block).intent.operation.load(std::memory_order_relaxed) + 1}
{
    // One count for all that a block does: its marks and ring records never repeat.
    memory.block(block).intent.operation.store(number_, std::memory_order_release);
}

std::uint64_t transaction_log::mark() const
{
    return mark_of(block_, number_);
}

void transaction_log::mark_shards(std::uint64_t mark) const
{
    for (auto const& row : rows_)
        shard_of(memory_, row).transaction.store(mark, std::memory_order_release);
}

void transaction_log::prepare(std::span<intent_copy const> rows)
{
    rows_ = rows;
    for (std::size_t i = 0; i != rows.size(); ++i)
        store_entry(shared_.entries[i], rows[i]);
    shared_.count.store(rows.size(), std::memory_order_release);
    shared_.stamp.store(stamp_of(number_, transaction_state::prepared), std::memory_order_release);
    mark_shards(mark());
}

void transaction_log::name_cell(std::size_t row, std::uint64_t cell)
{
    shared_.entries[row].cell.store(cell, std::memory_order_release);
}

void transaction_log::commit(std::span<intent_copy const> rows)
{
    auto const release = std::memory_order_release;
    for (std::size_t i = 0; i != rows.size(); ++i) {
        shared_.entries[i].commit_word.store(rows[i].commit_word, release);
        shared_.entries[i].target.store(rows[i].target, release);
    }
    shared_.revision.store(rows.front().revision, release);
    shared_.ring_from.store(memory_.block(block_).ring_tail.load(std::memory_order_relaxed),
                            release);
    shared_.stamp.store(stamp_of(number_, transaction_state::committed), release);
}

std::uint64_t transaction_log::ring_from() const
{
    return shared_.ring_from.load(std::memory_order_relaxed);
}

void transaction_log::end(transaction_state how)
{
    // Not straight to none: were the author to die with some marks gone, nothing may be repeated.
    shared_.stamp.store(stamp_of(number_, how), std::memory_order_release);
    mark_shards(0);
    shared_.stamp.store(stamp_of(number_, transaction_state::none), std::memory_order_release);
}

void carry_out(arena const& memory, std::uint32_t block, std::span<intent_copy const> rows,
               std::uint64_t ring_from)
{
    // As for a single erasure (table.cpp): before the row is gone, and before its cell is used
    // again.
    auto const count_erasures = [&] {
        for (auto const& row : rows)
            if (removes(row.kind))
                shard_of(memory, row).erasures.fetch_add(1, std::memory_order_acq_rel);
    };
    count_erasures();
    for (auto const& row : rows)
        memory.at<word>(row.commit_word).store(row.target, std::memory_order_release);
    count_erasures();
    if (memory.block(block).ring_tail.load(std::memory_order_relaxed) == ring_from)
        announce_together(memory, block, ring_from, rows);
    for (auto const& row : rows)
        if (removes(row.kind))
            free_cell(memory, memory.places().fields[row.field], row.cell, row.mark);
}

bool settle_transaction(arena const& memory, region where, std::chrono::milliseconds patience)
{
    auto const began = repair_clock();
    auto& shard = memory.shard(memory.places().fields[where.field], where.shard);
    auto const mark = shard.transaction.load(std::memory_order_acquire);
    auto const by = author_in(memory, mark);
    auto const* const shared = by ? &memory.transaction(*by) : nullptr;
    auto const stamp = [&] { return shared->stamp.load(std::memory_order_acquire); };
    if (by && mark_of(*by, operation_in(stamp())) == mark) {
        if (state_in(stamp()) == transaction_state::prepared ||
            state_in(stamp()) == transaction_state::committed) {
            auto& settling = memory.transaction(*by).settling;
            auto const locked = settling.lock(patience);
            if (locked == lock_outcome::timed_out)
                return false;
            settle_block(memory, *by, mark);
            if (locked == lock_outcome::inherited)
                settling.recovered();
            settling.unlock();
        }
        auto const found = read_transaction(*shared);
        auto const here =
            std::find_if(found.all().begin(), found.all().end(), [&](intent_copy const& row) {
                return row.field == where.field && row.shard == where.shard;
            });
        if (here != found.all().end())
            log_repair(memory, where, *by, &*here, state_in(stamp()) == transaction_state::done,
                       began);
    }
    shard.transaction.store(0, std::memory_order_release);
    return true;
}

bool is_whole(arena const& memory, shard_block const& shard)
{
    auto const mark = shard.transaction.load(std::memory_order_acquire);
    if (mark == 0)
        return true;
    auto const by = author_in(memory, mark);
    if (!by)
        return false;
    auto const stamp = memory.transaction(*by).stamp.load(std::memory_order_acquire);
    return mark_of(*by, operation_in(stamp)) == mark &&
           state_in(stamp) == transaction_state::prepared;
}

bool is_under_way(transaction_block const& shared)
{
    auto const state = state_in(shared.stamp.load(std::memory_order_acquire));
    return state == transaction_state::prepared || state == transaction_state::committed;
}

bool end_transaction(arena const& memory, std::uint32_t block)
{
    auto& shared = memory.transaction(block);
    auto const stamp = shared.stamp.load(std::memory_order_acquire);
    if (state_in(stamp) == transaction_state::none)
        return true;
    auto const found = read_transaction(shared);
    for (auto const& row : found.all()) {
        if (!has_shard(memory, row))
            continue;
        shard_lock lock{memory, row.field, row.shard};
        if (!lock.try_lock_once()) // finishes it and unmarks the shard, or somebody else is at it
            return false;
        lock.unlock();
    }
    // Every shard has been gone through. Were there a mark still, it would have been written
    // without the lock.
    shared.stamp.store(stamp_of(operation_in(stamp), transaction_state::none),
                       std::memory_order_release);
    return true;
}

} // namespace covey::shm
