#include "row_lanes.hpp"

#include "detail/participant_core.hpp"
#include "detail/words.hpp"
#include "lane_reader.hpp"

#include <algorithm>

namespace covey::shm {

namespace {

constexpr int readings_max = 16; // lost to faster producers, before a reader takes what there is

} // namespace

row_lanes::row_lanes(participant::core& who, std::uint32_t field)
    : who_{&who}
    , memory_{who.memory.get()}
    , field_{&who.memory->places().fields[field]}
    , index_{field}
{}

std::uint64_t row_lanes::append(std::uint64_t const* row)
{
    auto& lane = memory_->lane(*field_, who_->block);
    auto const number = lane.tail.load(std::memory_order_relaxed);
    auto* const entry = memory_->lane_entry(*field_, who_->block, number);
    auto& appending = memory_->block(who_->block).appending;
    auto const last = number == 0 ? 0 : *memory_->lane_entry(*field_, who_->block, number - 1);
    appending.store(last + 1, std::memory_order_release); // stable_revision.hpp
    auto const revision = memory_->head().revision.fetch_add(1, std::memory_order_acq_rel) + 1;
    lane.claimed.store(number + 1, std::memory_order_release);
    release_fence(); // a reader that sees any of the new body also sees the claim
    store_words(entry, &revision, 1);
    store_words(entry + 1, row, field_->row_words);
    lane.tail.store(number + 1, std::memory_order_release);
    appending.store(0, std::memory_order_release);
    who_->tell(index_);
    return revision;
}

void row_lanes::last(std::uint64_t rows, visitor visit) const
{
    rows = std::min(rows, field_->capacity);
    lane_reader reader{*memory_, *field_};
    lane_batch copied;
    for (int round = 0; round != readings_max; ++round) {
        reader.rewind(rows);
        // Not older than what the lanes end with, and not newer than what they will end with: what
        // was appended before a row that is seen is seen as well.
        auto const newest = memory_->head().revision.load(std::memory_order_acquire);
        if (reader.read(newest, copied))
            break;
    }
    auto const count = copied.entries.size();
    for (auto i = count - std::min<std::uint64_t>(count, rows); i != count; ++i)
        visit(copied.row(copied.entries[i]), copied.entries[i].revision);
}

std::uint64_t row_lanes::size() const
{
    std::uint64_t appended = 0;
    for (std::uint32_t block = 0; block != memory_->places().blocks; ++block)
        appended += memory_->lane(*field_, block).tail.load(std::memory_order_relaxed);
    return std::min(appended, field_->capacity);
}

std::uint64_t row_lanes::capacity() const
{
    return field_->capacity;
}

} // namespace covey::shm
