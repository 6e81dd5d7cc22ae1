#include "sending.hpp"

#include <cerrno>
#include <ctime>
#include <sys/prctl.h>
#include <unistd.h>

namespace covey::bench {

void sleep_until_ns(std::int64_t when)
{
    constexpr std::int64_t second = 1'000'000'000;
    timespec const until{.tv_sec = when / second, .tv_nsec = when % second};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR)
        ;
}

void wait_until_ns(std::int64_t when)
{
    if (when - now_ns() > sleep_ends_before_ns)
        sleep_until_ns(when - sleep_ends_before_ns);
    while (now_ns() < when)
        relax();
}

void sender_is_here(board& shared)
{
    ::prctl(PR_SET_TIMERSLACK, 1);
    shared.touch();
    shared.common().sender.store(::getpid());
}

void come_to_gate(board& shared)
{
    shared.common().phase.store(run_phase::at_gate);
}

bool is_let_go(board const& shared)
{
    return shared.common().phase.load() == run_phase::measuring;
}

void sent_all(board& shared)
{
    shared.common().phase.store(run_phase::all_sent);
}

void stay()
{
    for (;;)
        ::pause();
}

} // namespace covey::bench
