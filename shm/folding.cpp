#include "folding.hpp"

#include <algorithm>
#include <bit>
#include <xxhash.h>

namespace covey::shm {

void folding::begin(std::size_t count)
{
    slots_.assign(std::bit_ceil(2 * count + 2), 0);
    newest_.resize(count);
    older_.assign(count, 0);
}

// From the newest to the oldest.
void folding::add(std::span<record_copy const> batch, std::size_t at, std::size_t keys)
{
    auto const& one = batch[at];
    auto const hash = keys == 0 ? one.field
                                : XXH3_64bits_withSeed(one.body.data(), keys * sizeof one.body[0],
                                                       seed_ + one.field);
    auto const same = [&](record_copy const& other) {
        return other.field == one.field &&
               std::equal(one.body.begin(), one.body.begin() + static_cast<std::ptrdiff_t>(keys),
                          other.body.begin());
    };
    auto slot = hash & (slots_.size() - 1);
    while (slots_[slot] != 0 && !same(batch[slots_[slot] - 1]))
        slot = (slot + 1) & (slots_.size() - 1);
    if (slots_[slot] == 0)
        slots_[slot] = static_cast<std::uint32_t>(at + 1);
    newest_[at] = slots_[slot] - 1;
    if (newest_[at] != at)
        ++older_[newest_[at]];
}

} // namespace covey::shm
