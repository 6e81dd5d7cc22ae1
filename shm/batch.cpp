#include "batch.hpp"

#include "detail/participant_core.hpp"
#include "detail/words.hpp"
#include "recovery.hpp"
#include "transaction_log.hpp"

#include <algorithm>

namespace covey::shm {

batch::batch(participant::core& who)
    : who_{who}
    , memory_{*who.memory}
{
    scratch_.reserve(64);
    words_.reserve(448); // all of the room
}

void batch::start_over()
{
    count_ = 0;
    written_count_ = 0;
    words_.clear();
    too_many_ = false;
    one_moment_ = false;
    outgrown_ = false;
}

bool batch::lost(note const& one) const
{
    count_conflict(memory_, one.rows.index_);
    return false;
}

std::uint64_t* batch::slot_of(note const& one)
{
    return key_of(one) + one.rows.field_->key_words;
}

std::uint64_t* batch::next_of(note const& one)
{
    return slot_of(one) + one.rows.field_->slot_words();
}

shard_block& batch::shard_of(note const& one) const
{
    return memory_.shard(*one.rows.field_, one.shard);
}

batch::note* batch::find(table const& rows, std::uint64_t const* key)
{
    auto const keys = rows.field_->key_words;
    for (std::size_t i = 0; i != count_; ++i)
        if (notes_[i].rows.index_ == rows.index_ && equal_words(key_of(notes_[i]), key, keys))
            return &notes_[i];
    if (count_ == keys_max) {
        // Of a snapshot some keys may be another run's.
        (one_moment_ ? outgrown_ : too_many_) = true;
        return nullptr;
    }
    auto const hash = rows.hash(key);
    bool const keyed = rows.field_->kind == field_kind::map;
    auto& made = notes_[count_++];
    made = {
        .rows = rows, .hash = hash, .shard = keyed ? rows.shard_of(hash) : 0, .at = words_.size()};
    auto const slot = std::size_t{rows.field_->slot_words()};
    words_.resize(words_.size() + keys + 2 * slot);
    std::copy_n(key, keys, key_of(made));
    scratch_.resize(std::max(scratch_.size(), slot));
    return &made;
}

void batch::look(note& one)
{
    one_moment_ = false;
    one.was_read = true;
    one.erasures = shard_of(one).erasures.load(std::memory_order_acquire);
    one.was_there = one.rows.read(key_of(one), slot_of(one));
    one.revision = one.was_there ? slot_of(one)[0] : 0;
}

std::uint64_t const* batch::read(table const& rows, std::uint64_t const* key)
{
    auto* const one = find(rows, key);
    if (one == nullptr || one->wanted == wish::erase)
        return nullptr;
    if (one->wanted == wish::put)
        return next_of(*one);
    if (!one->was_read)
        look(*one);
    return one->was_there ? slot_of(*one) + 1 + rows.field_->key_words : nullptr;
}

void batch::wish_for(note& one, wish wanted)
{
    if (one.wanted == wish::none)
        written_[written_count_++] = static_cast<std::uint8_t>(&one - notes_.data());
    one.wanted = wanted;
}

void batch::write(table const& rows, std::uint64_t const* key, std::uint64_t const* row,
                  std::uint64_t expiry)
{
    auto* const one = find(rows, key);
    if (one == nullptr)
        return;
    wish_for(*one, row != nullptr ? wish::put : wish::erase);
    if (row == nullptr)
        return;
    std::copy_n(row, rows.field_->row_words, next_of(*one));
    if (rows.field_->keep.expires)
        next_of(*one)[rows.field_->row_words] = expiry;
}

// First no shard may be in the middle of a transaction: then whatever transaction a row that was
// read comes from, all its other rows are in place, too. Then every row must be the one that was
// read: revisions never repeat, so all of them were there together at the moment between.
bool batch::reads_hold()
{
    if (outgrown_)
        return false;
    if (one_moment_)
        return true;
    acquire_fence();
    auto const every = std::span{notes_.data(), count_};
    auto const read =
        std::count_if(every.begin(), every.end(), [](note const& one) { return one.was_read; });
    if (read <= 1)
        return true; // one copy of one row
    for (auto const& one : every)
        if (one.was_read && !is_whole(memory_, shard_of(one)))
            return lost(one);
    for (auto const& one : every) {
        if (!one.was_read)
            continue;
        bool const there = one.rows.read(key_of(one), scratch_.data());
        if (there != one.was_there || (there && scratch_[0] != one.revision))
            return lost(one);
        // A row that came and went meanwhile has left its trace.
        if (!there && shard_of(one).erasures.load(std::memory_order_acquire) != one.erasures)
            return lost(one);
    }
    return true;
}

} // namespace covey::shm
