// expiry: when a row's time is over, as a word: nanoseconds of the monotonic clock, 0 for never.
#pragma once

#include "retention.hpp"

#include <cstdint>
#include <ctime>

namespace covey::shm {

// The coarse clock: the tick before now, read without a system call in a few nanoseconds.
inline std::uint64_t coarse_now()
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

inline std::uint64_t expiry_of(ttl lives)
{
    return lives.is_forever() ? 0 : coarse_now() + static_cast<std::uint64_t>(lives.time.count());
}

inline bool is_over(std::uint64_t expiry, std::uint64_t now)
{
    return expiry != 0 && expiry <= now;
}

} // namespace covey::shm
