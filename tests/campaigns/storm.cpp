// storm: preloaded into a program, interrupts it a thousand times a second with a signal whose
// handler does nothing and restarts nothing: every blocking system call sees EINTR.
#include <csignal>
#include <sys/time.h>

namespace {

void ignore(int)
{}

struct storm
{
    storm()
    {
        struct sigaction action
        {};
        action.sa_handler = ignore; // and no SA_RESTART
        ::sigaction(SIGALRM, &action, nullptr);
        itimerval const each{{0, 1000}, {0, 1000}};
        ::setitimer(ITIMER_REAL, &each, nullptr);
    }
} const begins_here;

} // namespace
