// first_message: a small program: what a process costs to start until it has said something.
#include <unistd.h>

int main()
{
    return ::write(STDOUT_FILENO, "!", 1) == 1 ? 0 : 1;
}
