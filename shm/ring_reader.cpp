#include "ring_reader.hpp"

#include "detail/words.hpp"

#include <algorithm>

namespace covey::shm {

ring_reader::ring_reader(arena const& memory, std::uint32_t reader)
    : memory_{memory}
    , reader_{reader}
    , next_(memory.places().blocks)
{
    skip_to_now();
}

ring_reader::ring_reader(arena const& memory)
    : memory_{memory}
    , next_(memory.places().blocks)
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

// False when the producer has come round and may have written over it.
bool ring_reader::copy(std::uint32_t ring, std::uint64_t number, record_copy& into) const
{
    std::array<std::uint64_t, record_bytes_max / 8> words;
    auto const& places = memory_.places();
    load_words(words.data(), &memory_.at<std::uint64_t>(places.record_offset(ring, number)),
               places.record_bytes / 8);
    acquire_fence();
    if (memory_.block(ring).ring_claimed.load(std::memory_order_relaxed) - number > ring_records)
        return false;
    into.revision = words[1];
    into.ring = ring;
    into.field = static_cast<std::uint32_t>(words[2]);
    into.kind = static_cast<std::uint32_t>(words[2] >> 32) & 0xff;
    into.has_row = (words[2] >> 32 & record_has_row) != 0;
    std::copy(words.begin() + sizeof(record) / 8, words.begin() + places.record_bytes / 8,
              into.body.begin());
    return true;
}

bool ring_reader::read(std::vector<record_copy>& into)
{
    into.clear();
    newest_ = memory_.head().revision.load(std::memory_order_acquire);
    for (std::uint32_t ring = 0; ring != next_.size(); ++ring) {
        auto const tail = memory_.block(ring).ring_tail.load(std::memory_order_acquire);
        for (auto number = next_[ring]; number != tail; ++number) {
            record_copy one;
            if (tail - number > ring_records || !copy(ring, number, one)) {
                into.clear();
                return false;
            }
            if (one.revision > newest_)
                break;
            into.push_back(one);
            move(ring, number + 1);
        }
    }
    // Stable: a transaction's rows have one revision, and their order is that of the ring.
    std::stable_sort(into.begin(), into.end(),
                     [](auto const& a, auto const& b) { return a.revision < b.revision; });
    return true;
}

} // namespace covey::shm
