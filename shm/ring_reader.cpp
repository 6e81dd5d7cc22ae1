#include "ring_reader.hpp"

#include "detail/by_revision.hpp"
#include "detail/words.hpp"

#include <algorithm>
#include <limits>

namespace covey::shm {

ring_reader::ring_reader(arena const& memory, std::uint32_t reader)
    : memory_{memory}
    , reader_{reader}
    , next_(memory.places().blocks)
    , tails_(memory.places().blocks)
{
    skip_to_now();
}

ring_reader::ring_reader(arena const& memory)
    : memory_{memory}
    , next_(memory.places().blocks)
    , tails_(memory.places().blocks)
{
    skip_to_now();
}

void ring_reader::move(std::uint32_t ring, std::uint64_t to)
{
    next_[ring] = to;
    if (reader_) // for tools: the lag
        memory_.cursor(*reader_, ring).store(to, std::memory_order_relaxed);
}

void ring_reader::skip_to_now()
{
    for (std::uint32_t ring = 0; ring != next_.size(); ++ring)
        move(ring, memory_.block(ring).ring_tail.load(std::memory_order_acquire));
}

bool ring_reader::news() const
{
    for (std::uint32_t ring = 0; ring != next_.size(); ++ring)
        if (memory_.block(ring).ring_tail.load(std::memory_order_acquire) != next_[ring])
            return true;
    return false;
}

// How much of a body means anything. What was read while it was written over may be of any kind.
std::size_t ring_reader::body_words(record_copy const& one) const
{
    auto const& places = memory_.places();
    if (one.field >= places.fields.size())
        return 0;
    auto const& field = places.fields[one.field];
    auto const row = one.has_row && field.row_in_record ? field.row_words : 0;
    return std::min<std::size_t>(field.key_words + row, (places.record_bytes - sizeof(record)) / 8);
}

// False when the producer has come round and may have written over it.
bool ring_reader::copy(std::uint32_t ring, std::uint64_t number, record_copy& into) const
{
    auto* const from = &memory_.at<std::uint64_t>(memory_.places().record_offset(ring, number));
    std::array<std::uint64_t, sizeof(record) / 8> head;
    load_words(head.data(), from, head.size());
    into.revision = head[1];
    into.ring = ring;
    into.field = static_cast<std::uint32_t>(head[2]);
    into.kind = static_cast<std::uint32_t>(head[2] >> 32) & 0xff;
    into.has_row = (head[2] >> 32 & record_has_row) != 0;
    load_words(into.body.data(), from + head.size(), body_words(into));
    acquire_fence();
    return memory_.block(ring).ring_claimed.load(std::memory_order_relaxed) - number <=
           ring_records;
}

// Whether all tails were like this at one moment, which is when the first look at them was over.
bool ring_reader::look_at_tails()
{
    bool same = true;
    for (std::uint32_t ring = 0; ring != next_.size(); ++ring) {
        auto const tail = memory_.block(ring).ring_tail.load(std::memory_order_acquire);
        same = same && tail == tails_[ring];
        tails_[ring] = tail;
    }
    return same;
}

bool ring_reader::read_ring(std::uint32_t ring, std::uint64_t newest,
                            std::vector<record_copy>& into)
{
    auto const tail = tails_[ring];
    auto number = next_[ring];
    if (tail - number > ring_records)
        return false;
    for (; number != tail; ++number) {
        auto& one = into.emplace_back();
        if (!copy(ring, number, one))
            return false;
        if (one.revision > newest) {
            into.pop_back();
            break;
        }
    }
    if (number != next_[ring])
        move(ring, number);
    return true;
}

bool ring_reader::read(std::vector<record_copy>& into)
{
    into.clear();
    auto newest = std::numeric_limits<std::uint64_t>::max();
    look_at_tails();
    if (!look_at_tails()) {
        newest = memory_.head().revision.load(std::memory_order_acquire);
        look_at_tails();
    }
    for (std::uint32_t ring = 0; ring != next_.size(); ++ring)
        if (!read_ring(ring, newest, into)) {
            into.clear();
            return false;
        }
    sort_by_revision(into);
    return true;
}

} // namespace covey::shm
