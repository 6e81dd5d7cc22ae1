// plain_child: says on standard output what only a process itself can tell: which signal it gets
// when its parent dies, and whether it can become root. For the tests of launch and process.
#include <cstdio>
#include <sys/prctl.h>
#include <unistd.h>

int main()
{
    int signal = -1;
    ::prctl(PR_GET_PDEATHSIG, &signal);
    bool const root_again = ::setuid(0) == 0;
    std::printf("parent-death signal %d, root %s\n", signal, root_again ? "again" : "never");
}
