#include "lane_reader.hpp"

#include "detail/by_revision.hpp"
#include "detail/words.hpp"

#include <algorithm>

namespace covey::shm {

lane_reader::lane_reader(arena const& memory, field_plan const& field)
    : memory_{memory}
    , field_{field}
    , next_(memory.places().blocks)
{
    rewind(0);
}

void lane_reader::rewind(std::uint64_t rows)
{
    for (std::uint32_t block = 0; block != next_.size(); ++block) {
        auto const tail = memory_.lane(field_, block).tail.load(std::memory_order_acquire);
        next_[block] = tail - std::min({rows, tail, field_.capacity});
    }
}

bool lane_reader::news() const
{
    for (std::uint32_t block = 0; block != next_.size(); ++block)
        if (memory_.lane(field_, block).tail.load(std::memory_order_acquire) != next_[block])
            return true;
    return false;
}

// False when the producer has come round and may have written over it.
bool lane_reader::copy(std::uint32_t block, std::uint64_t number, lane_batch& into) const
{
    auto* const entry = memory_.lane_entry(field_, block, number);
    auto const at = into.words.size();
    into.words.resize(at + field_.row_words);
    std::uint64_t revision = 0;
    load_words(&revision, entry, 1);
    load_words(into.words.data() + at, entry + 1, field_.row_words);
    acquire_fence();
    auto const claimed = memory_.lane(field_, block).claimed.load(std::memory_order_relaxed);
    if (claimed - number > field_.entries()) {
        into.words.resize(at);
        return false;
    }
    into.entries.push_back({.revision = revision, .at = at, .block = block});
    return true;
}

// False when entries were skipped; the rest was copied.
bool lane_reader::read_lanes(std::uint64_t newest, lane_batch& into)
{
    into.entries.clear();
    into.words.clear();
    bool all = true;
    for (std::uint32_t block = 0; block != next_.size(); ++block) {
        auto const tail = memory_.lane(field_, block).tail.load(std::memory_order_acquire);
        auto& number = next_[block];
        if (tail - number > field_.capacity) {
            number = tail - std::min(tail, field_.capacity);
            all = false;
        }
        for (; number != tail; ++number) {
            if (!copy(block, number, into))
                all = false;
            else if (into.entries.back().revision > newest) {
                into.entries.pop_back();
                break;
            }
        }
    }
    sort_by_revision(into.entries);
    return all;
}

bool lane_reader::read(std::uint64_t newest, lane_batch& into)
{
    if (read_lanes(newest, into))
        return true;
    // What a producer overwrites while we look is not among its last rows any more.
    rewind(field_.capacity);
    read_lanes(memory_.head().revision.load(std::memory_order_acquire), into);
    auto const surplus =
        into.entries.size() - std::min<std::size_t>(into.entries.size(), field_.capacity);
    into.entries.erase(into.entries.begin(),
                       into.entries.begin() + static_cast<std::ptrdiff_t>(surplus));
    return false;
}

} // namespace covey::shm
