#include "commit.hpp"

#include "change.hpp"
#include "detail/words.hpp"

#include <algorithm>
#include <array>

namespace covey::shm {

namespace {

change_kind change_of(intent_kind kind)
{
    switch (kind) {
    case intent_kind::erase:
        return change_kind::erase;
    case intent_kind::expire:
        return change_kind::expire;
    case intent_kind::evict:
        return change_kind::evict;
    case intent_kind::update:
    case intent_kind::insert:
    case intent_kind::give_back:
    case intent_kind::lease: // these two are told to nobody
    case intent_kind::acknowledge:
        break;
    }
    return change_kind::put;
}

void write_record(arena const& memory, std::uint64_t offset, intent_copy const& what)
{
    auto const& field = memory.places().fields[what.field];
    bool const with_row = !removes(what.kind) && field.row_in_record;
    auto const kind = static_cast<std::uint32_t>(change_of(what.kind));

    auto const generation =
        memory.at<cell_head>(what.cell).generation.load(std::memory_order_relaxed);
    auto* const slot = memory.slot(what.cell, field, generation);
    std::size_t const words = field.key_words + (with_row ? field.row_words : 0);

    std::array<std::uint64_t, sizeof(record) / 8> const head{
        what.operation, what.revision,
        what.field | std::uint64_t{kind | (with_row ? record_has_row : 0)} << 32};
    auto* const body = &memory.at<std::uint64_t>(offset);
    store_words(body, head.data(), head.size());
    copy_words(body + head.size(), slot + 1, words);
}

} // namespace

operation::operation(arena const& memory, std::uint32_t block, std::uint32_t field,
                     std::uint32_t shard)
    : memory_{memory}
    , block_{block}
    , intent_{memory.block(block).intent}
    , what_{.field = field,
            .shard = shard,
            .operation = intent_.operation.load(std::memory_order_relaxed) + 1}
{
    // Release, here and in arm: such stores keep their order among themselves, so that a death in
    // the middle leaves an idle intent, never an armed one with another's fields.
    intent_.operation.store(what_.operation, std::memory_order_release);
    intent_.field.store(field, std::memory_order_release);
    intent_.shard.store(shard, std::memory_order_release);
}

void operation::arm(intent_kind kind, std::uint64_t commit_word, std::uint64_t target,
                    std::uint64_t cell, std::uint64_t owner)
{
    what_.kind = kind;
    what_.commit_word = commit_word;
    what_.target = target;
    what_.cell = cell;
    what_.mark = owner;
    intent_.armed.store(0, std::memory_order_release);
    intent_.kind.store(static_cast<std::uint32_t>(kind), std::memory_order_release);
    intent_.commit_word.store(commit_word, std::memory_order_release);
    intent_.target.store(target, std::memory_order_release);
    intent_.cell.store(cell, std::memory_order_release);
    intent_.mark.store(owner, std::memory_order_release);
    intent_.armed.store(1, std::memory_order_release);
}

std::uint64_t operation::take_revision()
{
    auto const taken = memory_.head().revision.fetch_add(1, std::memory_order_acq_rel) + 1;
    what_.revision = taken;
    intent_.revision.store(taken, std::memory_order_release);
    return taken;
}

std::uint64_t operation::mark() const
{
    return mark_of(block_, what_.operation);
}

void operation::commit()
{
    memory_.at<word>(what_.commit_word).store(what_.target, std::memory_order_release);
}

void operation::announce()
{
    shm::announce(memory_, block_, what_);
}

void operation::disarm()
{
    intent_.armed.store(0, std::memory_order_release);
}

intent_copy read_intent(intent const& shared)
{
    return {.kind = static_cast<intent_kind>(shared.kind.load(relaxed)),
            .field = shared.field.load(relaxed),
            .shard = shared.shard.load(relaxed),
            .operation = shared.operation.load(relaxed),
            .revision = shared.revision.load(relaxed),
            .commit_word = shared.commit_word.load(relaxed),
            .target = shared.target.load(relaxed),
            .cell = shared.cell.load(relaxed),
            .mark = shared.mark.load(relaxed)};
}

void announce(arena const& memory, std::uint32_t block, intent_copy const& what)
{
    announce_together(memory, block, memory.block(block).ring_tail.load(std::memory_order_relaxed),
                      {&what, 1});
}

void announce_together(arena const& memory, std::uint32_t block, std::uint64_t from,
                       std::span<intent_copy const> rows)
{
    auto& ring = memory.block(block);
    ring.ring_claimed.store(from + rows.size(), std::memory_order_release);
    release_fence(); // a reader that sees any of the new bodies also sees the claim
    for (std::size_t i = 0; i != rows.size(); ++i)
        write_record(memory, memory.places().record_offset(block, from + i), rows[i]);
    ring.ring_tail.store(from + rows.size(), std::memory_order_release);
}

bool announced(arena const& memory, std::uint32_t block, std::uint64_t operation)
{
    auto const tail = memory.block(block).ring_tail.load(std::memory_order_acquire);
    if (tail == 0)
        return false;
    auto& newest = memory.at<word>(memory.places().record_offset(block, tail - 1));
    return newest.load(std::memory_order_relaxed) == operation;
}

} // namespace covey::shm
