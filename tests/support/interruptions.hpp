// interruptions: a signal every millisecond whose handler does nothing and restarts nothing, so
// that every system call that can be interrupted is (EINTR). For as long as the object lives; a
// forked child inherits the handler, but not the timer (setitimer(2)), and makes an object of its
// own.
#pragma once

#include <csignal>
#include <sys/time.h>

namespace covey::test {

class interruptions
{
  public:
    interruptions()
    {
        struct sigaction quiet
        {};
        quiet.sa_handler = [](int) {}; // no SA_RESTART
        ::sigaction(SIGALRM, &quiet, &handler_before_);
        itimerval const every{{0, 1'000}, {0, 1'000}};
        ::setitimer(ITIMER_REAL, &every, &timer_before_);
    }
    ~interruptions()
    {
        ::setitimer(ITIMER_REAL, &timer_before_, nullptr);
        ::sigaction(SIGALRM, &handler_before_, nullptr);
    }
    interruptions(interruptions const&) = delete;
    interruptions& operator=(interruptions const&) = delete;

  private:
    struct sigaction handler_before_
    {};
    itimerval timer_before_{};
};

} // namespace covey::test
