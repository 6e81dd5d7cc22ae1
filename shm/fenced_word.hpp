// fenced_word: who holds something, and for the how-many-th time: epoch << 16 | block + 1, where 0
// in the low half is nobody. Every change is one compare-and-swap, so a death leaves it held or not
// held; what a dead worker holds is given back when its block is reaped. The epoch rises with every
// hold and never falls, so it tells a former holder's late words from the present one's (fencing).
#pragma once

#include "change.hpp"
#include "layout.hpp"

#include <cstdint>
#include <optional>

namespace covey::shm {

inline std::optional<holder> holder_in(std::uint64_t fenced)
{
    auto const low = static_cast<std::uint32_t>(fenced & 0xffff);
    if (low == 0)
        return std::nullopt;
    return holder{.block = low - 1, .epoch = fenced >> 16};
}

// The epoch of the new hold; nullopt when somebody holds it, this block included.
inline std::optional<std::uint64_t> take_hold(word& at, std::uint32_t block)
{
    auto seen = at.load(std::memory_order_relaxed);
    while ((seen & 0xffff) == 0) {
        auto const epoch = (seen >> 16) + 1;
        if (at.compare_exchange_weak(seen, epoch << 16 | (block + 1), std::memory_order_acquire,
                                     std::memory_order_relaxed))
            return epoch;
    }
    return std::nullopt;
}

// False when that hold is over already.
inline bool end_hold(word& at, holder const& mine)
{
    auto seen = mine.epoch << 16 | (mine.block + 1);
    return at.compare_exchange_strong(seen, mine.epoch << 16, std::memory_order_release,
                                      std::memory_order_relaxed);
}

} // namespace covey::shm
