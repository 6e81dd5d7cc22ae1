#include "recovery.hpp"

#include "assert.hpp"
#include "chunk_pool.hpp"
#include "commit.hpp"
#include "fifo.hpp"
#include "free_cells.hpp"
#include "link.hpp"
#include "seat_words.hpp"
#include "transaction_log.hpp"

#include <algorithm>
#include <ctime>
#include <sys/syscall.h>
#include <unistd.h>

namespace covey::shm {

// An intent is written by a process that may have been hostile or broken: it is used only if every
// place it names is one that an intent of that kind can name.
bool plausible(arena const& memory, intent_copy const& what)
{
    auto const& places = memory.places();
    if (what.field >= places.fields.size())
        return false;
    auto const& field = places.fields[what.field];
    if (what.shard >= field.shard_count || what.cell < field.cells)
        return false;
    auto const into = what.cell - field.cells;
    if (into % field.cell_bytes != 0 || into / field.cell_bytes >= field.capacity)
        return false;
    auto const in_cells = what.commit_word - field.cells;
    bool const cell_word =
        what.commit_word >= field.cells && in_cells / field.cell_bytes < field.capacity &&
        in_cells % field.cell_bytes < sizeof(cell_head) && in_cells % sizeof(word) == 0;
    bool const bucket_word =
        field.buckets != 0 && what.commit_word >= field.buckets &&
        what.commit_word < field.buckets + (sizeof(word) << field.bucket_bits) &&
        what.commit_word % sizeof(word) == 0;
    bool const in_queue = field.kind == field_kind::queue;
    switch (what.kind) {
    case intent_kind::update:
        return !in_queue && what.commit_word == what.cell;
    case intent_kind::insert:
        return bucket_word || (in_queue && cell_word);
    case intent_kind::erase:
    case intent_kind::expire:
    case intent_kind::evict:
        return field.kind == field_kind::map && (cell_word || bucket_word);
    case intent_kind::lease:
        return in_queue && bucket_word;
    case intent_kind::give_back:
        return in_queue && (cell_word || bucket_word);
    case intent_kind::acknowledge:
        return in_queue &&
               what.commit_word == field.leases + into / field.cell_bytes * sizeof(word);
    }
    return false;
}

namespace {

// Of the kernel itself: the vDSO's code goes another way from one call to the next, and a repair is
// to go the same way every time, for the tests that kill it at each instruction.
std::uint64_t now_of(clockid_t clock)
{
    timespec now{};
    ::syscall(SYS_clock_gettime, clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

} // namespace

std::uint64_t repair_clock()
{
    return now_of(CLOCK_MONOTONIC);
}

void log_repair(arena const& memory, region where, std::uint32_t block, intent_copy const* what,
                bool committed, std::uint64_t began)
{
    auto const number = memory.head().repairs.fetch_add(1, std::memory_order_acq_rel) + 1;
    auto& entry = memory.at<repair_record>(memory.places().repair_log +
                                           (number - 1) % repair_records * sizeof(repair_record));
    entry.number.store(0, std::memory_order_release);
    entry.dead_pid.store(what ? memory.block(block).pid.load(relaxed) : 0,
                         std::memory_order_release);
    entry.block.store(block, relaxed);
    entry.field.store(where.field, relaxed);
    entry.shard.store(where.shard, relaxed);
    entry.kind.store(what ? static_cast<std::uint32_t>(what->kind) : 0, relaxed);
    entry.committed.store(committed ? 1 : 0, relaxed);
    entry.revision.store(what ? what->revision : 0, relaxed);
    entry.took.store(repair_clock() - began, relaxed);
    entry.when.store(now_of(CLOCK_REALTIME), relaxed);
    entry.number.store(number, std::memory_order_release);
    auto const kind = what == nullptr ? repair_kind::unlocked
                      : committed     ? repair_kind::finished
                                      : repair_kind::taken_back;
    shared_statistic(memory, repair_word(kind)).fetch_add(1, relaxed);
}

namespace {

// Brings one armed intent to its end; idempotent.
void finish(arena const& memory, std::uint32_t block, intent_copy const& what, std::uint64_t began)
{
    auto const& field = memory.places().fields[what.field];
    auto& commit_word = memory.at<word>(what.commit_word);
    bool const committed = commit_word.load(std::memory_order_acquire) == what.target;
    bool const silent = what.kind == intent_kind::lease || what.kind == intent_kind::acknowledge;
    if (committed && !silent && !announced(memory, block, what.operation))
        announce(memory, block, what);
    if (committed && field.kind == field_kind::queue)
        settle_item(memory, field, what);
    bool const gone = removes(what.kind) && committed;
    if (gone) // one too many does no harm
        memory.shard(field, what.shard).erasures.fetch_add(1, std::memory_order_acq_rel);
    if (field.chunks != 0)
        chunk_pool{memory, field, what.shard}.settle(what.kind, what.cell,
                                                     mark_of(block, what.operation), committed);
    if (gone || (what.kind == intent_kind::insert && !committed))
        free_cell(memory, field, what.cell, what.mark);
    if (field.kind == field_kind::map)
        memory.shard(field, what.shard)
            .rows.store(count_rows(memory, field, what.shard), std::memory_order_relaxed);
    log_repair(memory, {what.field, what.shard}, block, &what, committed, began);
    memory.block(block).intent.armed.store(0, std::memory_order_release);
}

} // namespace

std::uint64_t count_rows(arena const& memory, field_plan const& field, std::uint32_t shard)
{
    std::uint64_t rows = 0;
    auto const per_shard = std::uint64_t{1} << field.shard_shift;
    for (auto bucket = shard * per_shard; bucket != (shard + 1) * per_shard; ++bucket) {
        link next{memory.bucket(field, bucket).load(std::memory_order_acquire)};
        while (!next.empty() && next.cell() < field.capacity && rows <= field.capacity) {
            ++rows;
            next.word = memory.at<cell_head>(memory.cell_offset(field, next.cell()))
                            .next.load(std::memory_order_acquire);
        }
    }
    return rows;
}

void repair(arena const& memory, std::uint32_t field, std::uint32_t shard)
{
    auto const began = repair_clock();
    bool found = false;
    for (std::uint32_t block = 0; block != memory.places().blocks; ++block) {
        auto& intent = memory.block(block).intent;
        if (intent.armed.load(std::memory_order_acquire) == 0)
            continue;
        auto const what = read_intent(intent);
        if (what.field != field || what.shard != shard)
            continue;
        if (plausible(memory, what))
            finish(memory, block, what, began);
        else
            intent.armed.store(0, std::memory_order_release);
        found = true;
    }
    auto const& its = memory.shard(memory.places().fields[field], shard);
    if (!found && its.transaction.load(std::memory_order_acquire) == 0)
        log_repair(memory, {field, shard}, 0, nullptr, false, began);
}

void count_conflict(arena const& memory, std::uint32_t field)
{
    shared_statistic(memory, conflict_word(field)).fetch_add(1, std::memory_order_relaxed);
}

robust_mutex& shard_lock::mutex() const
{
    return memory_.shard(memory_.places().fields[field_], shard_).lock;
}

bool shard_lock::settle(lock_outcome outcome, std::chrono::milliseconds patience)
{
    if (outcome == lock_outcome::timed_out)
        return false;
    auto const& its = memory_.shard(memory_.places().fields[field_], shard_);
    bool settled = true;
    if (outcome == lock_outcome::inherited)
        repair(memory_, field_, shard_);
    if (its.transaction.load(std::memory_order_acquire) != 0)
        settled = settle_transaction(memory_, {field_, shard_}, patience);
    if (outcome == lock_outcome::inherited)
        mutex().recovered();
    if (!settled) // another process is at it; what is left to do stands in the shard
        mutex().unlock();
    return settled;
}

bool shard_lock::try_lock()
{
    auto outcome = mutex().try_lock();
    if (outcome == lock_outcome::timed_out) {
        count_conflict(memory_, field_);
        outcome = mutex().lock(patience_);
    }
    return settle(outcome, patience_);
}

bool shard_lock::try_lock_once()
{
    return settle(mutex().try_lock(), std::chrono::milliseconds{0});
}

void shard_lock::unlock()
{
    mutex().unlock();
}

namespace {

std::chrono::system_clock::time_point time_of(std::uint64_t nanoseconds)
{
    using clock = std::chrono::system_clock;
    return clock::time_point{
        std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds{nanoseconds})};
}

} // namespace

std::vector<repair_report> repairs(arena const& memory)
{
    std::vector<repair_report> out;
    for (std::size_t i = 0; i != repair_records; ++i) {
        auto const& entry =
            memory.at<repair_record>(memory.places().repair_log + i * sizeof(repair_record));
        auto const number = entry.number.load(std::memory_order_acquire);
        if (number == 0)
            continue;
        repair_report const report{.number = number,
                                   .dead_pid = entry.dead_pid.load(relaxed),
                                   .block = entry.block.load(relaxed),
                                   .where = {entry.field.load(relaxed), entry.shard.load(relaxed)},
                                   .was_writing = entry.kind.load(relaxed) != 0,
                                   .committed = entry.committed.load(relaxed) != 0,
                                   .revision = entry.revision.load(relaxed),
                                   .took = std::chrono::nanoseconds{entry.took.load(relaxed)},
                                   .when = time_of(entry.when.load(relaxed))};
        if (entry.number.load(std::memory_order_acquire) == number)
            out.push_back(report);
    }
    std::sort(out.begin(), out.end(),
              [](auto const& a, auto const& b) { return a.number < b.number; });
    return out;
}

} // namespace covey::shm
