// A batch's commit: locks, a look whether all is as it was read, rows, chains, and the log.
#include "batch.hpp"

#include "assert.hpp"
#include "detail/participant_core.hpp"
#include "detail/words.hpp"
#include "free_cells.hpp"
#include "link.hpp"
#include "recovery.hpp"
#include "transaction_log.hpp"

#include <algorithm>
#include <optional>

namespace covey::shm {

namespace {

constexpr int makings_max = 16; // of making room, while others take it

bool is_next_of(std::uint64_t link_word, std::uint64_t cell)
{
    return link_word == cell + offsetof(cell_head, next);
}

} // namespace

// The locks of all keys' shards, each once.
class batch::held_locks
{
  public:
    explicit held_locks(arena const& memory)
        : memory_{memory}
    {}
    held_locks(held_locks const&) = delete;
    held_locks& operator=(held_locks const&) = delete;
    ~held_locks()
    {
        while (count_ != 0)
            locks_[--count_]->unlock();
    }

    // In the one order that everybody keeps.
    bool lock(std::span<note const> notes)
    {
        std::array<region, keys_max> where;
        std::transform(notes.begin(), notes.end(), where.begin(), [](note const& one) {
            return region{one.rows.index_, one.shard};
        });
        std::sort(where.begin(), where.begin() + static_cast<std::ptrdiff_t>(notes.size()));
        for (std::size_t i = 0; i != notes.size(); ++i) {
            if (i != 0 && where[i] == where[i - 1])
                continue;
            if (!locks_[count_].emplace(memory_, where[i].field, where[i].shard).try_lock())
                return false;
            ++count_;
        }
        return true;
    }

  private:
    arena const& memory_;
    std::array<std::optional<shard_lock>, keys_max> locks_;
    std::size_t count_ = 0;
};

bool batch::start_over_with_snapshot()
{
    if (outgrown_) {
        start_over();
        return true;
    }
    auto const end = std::remove_if(notes_.begin(), notes_.begin() + count_,
                                    [](note const& one) { return !one.was_read; });
    count_ = static_cast<std::size_t>(end - notes_.begin());
    written_count_ = 0;
    too_many_ = false;
    held_locks locks{memory_};
    if (!locks.lock({notes_.data(), count_}))
        return false;
    for (auto& one : std::span{notes_.data(), count_}) {
        one.wanted = wish::none;
        one.erasures = shard_of(one).erasures.load(std::memory_order_relaxed);
        auto* const slot = slot_of(one);
        auto const place = one.rows.find_locked(key_of(one), one.hash, slot);
        one.was_there = place.cell != 0 && one.rows.is_there(slot);
        one.revision = one.was_there ? slot[0] : 0;
    }
    one_moment_ = true;
    return true;
}

batch::result batch::commit()
{
    std::uint32_t evicted = 0;
    auto done = commit_once();
    for (int round = 0; done.how == verdict::full && round != makings_max; ++round) {
        if (!full_->make_room(scratch_.data(), evicted))
            break;
        done = commit_once();
    }
    done.evicted = evicted;
    return done;
}

bool batch::find_places()
{
    for (auto& one : std::span{notes_.data(), count_}) {
        auto* const slot = scratch_.data();
        one.place = one.rows.find_locked(key_of(one), one.hash, slot);
        one.is_there = one.place.cell != 0 && one.rows.is_there(slot);
        if (one.was_read &&
            (one.is_there != one.was_there || (one.is_there && slot[0] != one.revision)))
            return lost(one);
    }
    return true;
}

batch::changes batch::make_changes(transaction_log const& log) const
{
    changes out;
    for (std::size_t i = 0; i != written_count_; ++i) {
        auto const& one = notes_[written_[i]];
        bool const put = one.wanted == wish::put;
        if (!put && !one.is_there)
            continue; // nothing to erase
        intent_copy row{.kind = intent_kind::insert,
                        .field = one.rows.index_,
                        .shard = one.shard,
                        .operation = log.operation(),
                        .mark = log.mark()};
        if (auto const cell = one.place.cell; cell != 0) {
            auto const& head = memory_.at<cell_head>(cell);
            row.kind = put ? intent_kind::update : intent_kind::erase;
            row.cell = cell;
            row.mark = head.owner.load(std::memory_order_relaxed);
            row.commit_word = cell; // of an erasure: link_rows
            row.target = head.generation.load(std::memory_order_relaxed) + 1;
        }
        out.rows[out.count] = row;
        out.of[out.count++] = &one;
    }
    return out;
}

// False when a table has no room; then no cell is taken.
bool batch::take_cells(changes& what, transaction_log& log)
{
    for (std::size_t i = 0; i != what.count; ++i) {
        auto& row = what.rows[i];
        if (row.kind != intent_kind::insert)
            continue;
        row.cell = claim_cell(who_, *what.of[i]->rows.field_, row.mark,
                              [&](std::uint64_t cell) { log.name_cell(i, cell); });
        if (row.cell != 0)
            continue;
        full_ = const_cast<table*>(&what.of[i]->rows);
        for (auto const& before : what.all().first(i))
            if (before.kind == intent_kind::insert)
                free_cell(memory_, memory_.places().fields[before.field], before.cell, before.mark);
        return false;
    }
    return true;
}

// Each bucket's chain as it will be: new rows first, then what stays, in its order. The commit word
// of a row that goes is the link of what stays before it, and leads to what stays behind it: so it
// is the same word, with the same target, for rows that go side by side, or go where others come.
void batch::link_rows(changes& what) const
{
    auto const rows = what.all();
    auto const goes = [&](auto matches) {
        return std::find_if(rows.begin(), rows.end(), [&](intent_copy const& row) {
            return row.kind == intent_kind::erase && matches(row);
        });
    };
    auto const staying = [&](field_plan const& field, std::uint64_t link_word) {
        link next{memory_.at<word>(link_word).load(std::memory_order_relaxed)};
        while (!next.empty()) {
            auto const cell = memory_.cell_offset(field, next.cell());
            if (goes([&](auto const& row) { return row.cell == cell; }) == rows.end())
                break;
            next.word = memory_.at<cell_head>(cell).next.load(std::memory_order_relaxed);
        }
        return next.word;
    };
    auto const link_to = [&](std::size_t i) {
        auto const& field = *what.of[i]->rows.field_;
        return link::to((rows[i].cell - field.cells) / field.cell_bytes, what.of[i]->hash).word;
    };
    // The first new row from `i` on behind a bucket's word.
    auto const comes = [&](std::size_t i, std::uint64_t bucket) {
        while (i != rows.size() &&
               !(rows[i].kind == intent_kind::insert && what.of[i]->place.link == bucket))
            ++i;
        return i;
    };
    for (std::size_t i = 0; i != rows.size(); ++i) {
        auto const& field = *what.of[i]->rows.field_;
        if (rows[i].kind == intent_kind::update)
            continue;
        auto at = what.of[i]->place.link;
        if (rows[i].kind == intent_kind::insert) {
            auto const behind = comes(i + 1, at);
            memory_.at<cell_head>(rows[i].cell)
                .next.store(behind != rows.size() ? link_to(behind) : staying(field, at),
                            std::memory_order_release);
        } else {
            for (auto before = rows.begin(); before != rows.end();) {
                before = goes([&](auto const& row) { return is_next_of(at, row.cell); });
                if (before != rows.end())
                    at = what.of[static_cast<std::size_t>(before - rows.begin())]->place.link;
            }
        }
        auto const first = comes(0, at);
        rows[i].commit_word = at;
        rows[i].target = first != rows.size() ? link_to(first) : staying(field, at);
    }
}

void batch::fill(changes& what, std::uint64_t revision)
{
    for (std::size_t i = 0; i != what.count; ++i) {
        auto& row = what.rows[i];
        auto rows = what.of[i]->rows;
        row.revision = revision;
        if (row.kind == intent_kind::erase) {
            shard_of(*what.of[i]).removed.store(revision, std::memory_order_release);
            continue;
        }
        if (row.kind == intent_kind::update)
            rows.note_visit(row.cell);
        rows.fill(row.cell, revision, key_of(*what.of[i]), next_of(*what.of[i]));
        if (row.kind == intent_kind::insert)
            memory_.at<cell_head>(row.cell).generation.fetch_add(1, std::memory_order_acq_rel);
    }
}

void batch::count_rows(changes const& what) const
{
    for (std::size_t i = 0; i != what.count; ++i) {
        auto& rows = shard_of(*what.of[i]).rows;
        if (what.rows[i].kind == intent_kind::insert)
            rows.fetch_add(1, std::memory_order_relaxed);
        if (what.rows[i].kind == intent_kind::erase)
            rows.fetch_sub(1, std::memory_order_relaxed);
    }
}

batch::result batch::commit_once()
{
    if (outgrown_)
        return {verdict::conflict};
    for (std::size_t i = 0; i != written_count_; ++i)
        if (shard_of(notes_[written_[i]]).quarantined.load(std::memory_order_acquire) != 0)
            return {verdict::quarantined};
    std::uint64_t revision = 0;
    changes what;
    {
        held_locks locks{memory_};
        if (!locks.lock({notes_.data(), count_}))
            return {verdict::busy};
        if (!find_places())
            return {verdict::conflict};
        transaction_log log{memory_, who_.block};
        what = make_changes(log);
        if (what.count == 0)
            return {verdict::unchanged};
        log.prepare(what.all());
        if (!take_cells(what, log)) {
            log.end(transaction_state::undone);
            return {verdict::full};
        }
        revision = memory_.head().revision.fetch_add(1, std::memory_order_acq_rel) + 1;
        link_rows(what);
        fill(what, revision);
        log.commit(what.all());
        carry_out(memory_, who_.block, what.all(), log.ring_from());
        count_rows(what);
        log.end(transaction_state::done);
    }
    for (std::size_t i = 0; i != what.count; ++i) {
        auto const told = what.all().first(i);
        auto const same = [&](auto const& row) { return row.field == what.rows[i].field; };
        if (std::none_of(told.begin(), told.end(), same))
            who_.tell(what.rows[i].field);
    }
    return {verdict::committed, revision};
}

} // namespace covey::shm
