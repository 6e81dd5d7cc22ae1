// robust_mutex: a lock in shared memory that survives its owner.
//
// A process-shared, robust pthread mutex. When its owner dies the kernel hands it on, and the next
// to lock it is told `inherited`: it holds the lock, must make what the lock protects whole again,
// then say recovered(). Unlocking before that makes the mutex unusable for good, so guard.hpp is
// the only user. Rules, each from an incident: one mapping per process for locks (the kernel's
// list is by address), never destroyed, never initialised twice, memory never unmapped while held.
// Boost.Interprocess' own mutexes do not qualify: an owner's death bricks them.
#pragma once

#include <chrono>
#include <cstdint>
#include <pthread.h>

namespace covey::shm {

enum class lock_outcome {
    locked,
    inherited, // locked, and the last owner died holding it
    timed_out, // not locked: the owner lives, perhaps stopped; or it was written over
};

// Who has a lock, as seen at one moment.
struct lock_owner
{
    std::int32_t thread = 0; // the kernel's number of the owner's thread; 0: nobody's
    bool died = false;       // and nobody has taken the lock since
    bool awaited = false;    // somebody may wait for it
};

class robust_mutex
{
  public:
    robust_mutex(robust_mutex const&) = delete;
    robust_mutex& operator=(robust_mutex const&) = delete;

    void initialise(); // once, by the segment's creator; throws system_error

    lock_outcome lock(std::chrono::milliseconds patience) noexcept;
    lock_outcome try_lock() noexcept;
    void recovered() noexcept; // after `inherited`, before unlock
    void unlock() noexcept;

    // One load; for tools.
    lock_owner owner() const noexcept;

  private:
    robust_mutex() = default;
    pthread_mutex_t mutex_;
};

} // namespace covey::shm
