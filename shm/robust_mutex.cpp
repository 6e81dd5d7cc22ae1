#include "robust_mutex.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <ctime>
#include <linux/futex.h>

namespace covey::shm {

namespace {

lock_outcome outcome_of(int result) noexcept
{
    switch (result) {
    case 0:
        return lock_outcome::locked;
    case EOWNERDEAD:
        return lock_outcome::inherited; // the try form, too, returns it holding
    case EBUSY:
    case ETIMEDOUT:
        return lock_outcome::timed_out;
    }
    return lock_outcome::timed_out; // somebody has written over it: it is not to be had
}

int const& kind_of(pthread_mutex_t const& mutex) noexcept
{
    return mutex.__data.__kind;
}

void make(pthread_mutex_t& mutex)
{
    pthread_mutexattr_t shared;
    pthread_mutexattr_init(&shared);
    pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
    int const failed = pthread_mutex_init(&mutex, &shared);
    pthread_mutexattr_destroy(&shared);
    if (failed)
        throw boost::system::system_error{failed, boost::system::system_category(),
                                          "initialise a lock"};
}

// Whether it is of our kind still. glibc trusts a mutex: one of another kind might end the process.
bool is_sound(pthread_mutex_t const& mutex) noexcept
{
    static int const kind = [] {
        pthread_mutex_t one;
        make(one);
        return kind_of(one);
    }();
    return __atomic_load_n(&kind_of(mutex), __ATOMIC_RELAXED) == kind;
}

#ifdef __SANITIZE_THREAD__
// GCC 12's ThreadSanitizer knows this form only; a wall clock is good enough for a test.
constexpr clockid_t patience_clock = CLOCK_REALTIME;
int lock_until(pthread_mutex_t* mutex, timespec const* until)
{
    return pthread_mutex_timedlock(mutex, until);
}
#else
constexpr clockid_t patience_clock = CLOCK_MONOTONIC; // F17: a clock that jumps steals no lock
int lock_until(pthread_mutex_t* mutex, timespec const* until)
{
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, until);
}
#endif

} // namespace

void robust_mutex::initialise()
{
    make(mutex_);
}

lock_outcome robust_mutex::try_lock() noexcept
{
    if (!is_sound(mutex_))
        return lock_outcome::timed_out;
    return outcome_of(pthread_mutex_trylock(&mutex_));
}

lock_outcome robust_mutex::lock(std::chrono::milliseconds patience) noexcept
{
    if (auto const tried = try_lock(); tried != lock_outcome::timed_out)
        return tried;
    if (!is_sound(mutex_))
        return lock_outcome::timed_out;
    timespec until{};
    clock_gettime(patience_clock, &until);
    auto const nanoseconds = until.tv_nsec + (patience.count() % 1000) * 1'000'000;
    until.tv_sec += patience.count() / 1000 + nanoseconds / 1'000'000'000;
    until.tv_nsec = nanoseconds % 1'000'000'000;
    return outcome_of(lock_until(&mutex_, &until));
}

// This and unlock fail only when somebody has written over the mutex, and then there is nothing
// left to give back: who wants it next is told that it is not to be had.
void robust_mutex::recovered() noexcept
{
    if (is_sound(mutex_))
        pthread_mutex_consistent(&mutex_);
}

// A robust mutex's first word is the kernel's as much as glibc's: robust_list(2) fixes what is in
// it, for the kernel writes there when the owner dies. 0 is free.
lock_owner robust_mutex::owner() const noexcept
{
    static_assert(sizeof mutex_.__data.__lock == sizeof(std::uint32_t));
    auto const& word = reinterpret_cast<std::uint32_t const&>(mutex_.__data.__lock);
    auto const now = __atomic_load_n(&word, __ATOMIC_RELAXED);
    return {.thread = static_cast<std::int32_t>(now & FUTEX_TID_MASK),
            .died = (now & FUTEX_OWNER_DIED) != 0,
            .awaited = (now & FUTEX_WAITERS) != 0};
}

void robust_mutex::unlock() noexcept
{
    if (is_sound(mutex_))
        pthread_mutex_unlock(&mutex_);
}

} // namespace covey::shm
