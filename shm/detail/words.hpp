// words: copying into and out of shared memory word by word, so that no access is a data race and
// a torn body is only ever seen by a reader that will throw it away.
//
// A body is written between a release fence and the release store that commits it, and read
// between the acquire load of that word and an acquire fence, after which the word is looked at
// again (Boehm's analysis of sequence locks). ThreadSanitizer does not know fences: in its builds
// every word is stored with release and loaded with acquire, which is stronger.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace covey::shm {

#ifdef __SANITIZE_THREAD__
inline constexpr auto body_store = std::memory_order_release;
inline constexpr auto body_load = std::memory_order_acquire;
inline void release_fence() noexcept
{}
inline void acquire_fence() noexcept
{}
// A locked read-modify-write is a full barrier on x86-64, where these builds run.
inline void full_fence(std::atomic<std::uint64_t>& nearby) noexcept
{
    nearby.fetch_or(0);
}
#else
inline constexpr auto body_store = std::memory_order_relaxed;
inline constexpr auto body_load = std::memory_order_relaxed;
inline void release_fence() noexcept
{
    std::atomic_thread_fence(std::memory_order_release);
}
inline void acquire_fence() noexcept
{
    std::atomic_thread_fence(std::memory_order_acquire);
}
inline void full_fence(std::atomic<std::uint64_t>&) noexcept
{
    std::atomic_thread_fence(std::memory_order_seq_cst);
}
#endif

// Four words at a time: no compiler unrolls a loop of atomic accesses.
template <class Move>
inline void for_each_word(std::size_t count, Move move) noexcept
{
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        move(i);
        move(i + 1);
        move(i + 2);
        move(i + 3);
    }
    for (; i != count; ++i)
        move(i);
}

inline void store_words(std::uint64_t* shared, std::uint64_t const* from,
                        std::size_t count) noexcept
{
    for_each_word(count,
                  [=](std::size_t i) { std::atomic_ref{shared[i]}.store(from[i], body_store); });
}

inline void load_words(std::uint64_t* into, std::uint64_t* shared, std::size_t count) noexcept
{
    for_each_word(count,
                  [=](std::size_t i) { into[i] = std::atomic_ref{shared[i]}.load(body_load); });
}

// From one shared place to another.
inline void copy_words(std::uint64_t* shared, std::uint64_t* from, std::size_t count) noexcept
{
    for_each_word(count, [=](std::size_t i) {
        std::atomic_ref{shared[i]}.store(std::atomic_ref{from[i]}.load(body_load), body_store);
    });
}

inline bool equal_words(std::uint64_t const* a, std::uint64_t const* b, std::size_t count) noexcept
{
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i != count; ++i)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

} // namespace covey::shm
