#include "process.hpp"

#include <cerrno>
#include <fmt/format.h>
#include <fstream>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace coveyctl {

namespace {

// The letter of /proc/PID/stat; 0 when there is no such process.
char letter_of(std::int64_t pid)
{
    std::ifstream in{fmt::format("/proc/{}/stat", pid)};
    std::string text;
    std::getline(in, text);
    auto const name_end = text.rfind(')'); // a name may have anything in it
    return name_end == text.npos || name_end + 2 >= text.size() ? '\0' : text[name_end + 2];
}

} // namespace

process process::open(std::int64_t pid)
{
    process out;
    if (pid > 0) // a pidfd is close-on-exec from birth
        out.handle_ = covey::handle{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    return out;
}

bool process::wait_for_end() const
{
    ::pollfd end{descriptor(), POLLIN, 0};
    while (is_open() && ::poll(&end, 1, -1) < 0 && errno == EINTR) {
    }
    return is_open();
}

bool is_stopped(std::int64_t pid)
{
    auto const letter = letter_of(pid);
    return letter == 'T' || letter == 't';
}

std::string state_of(std::int64_t pid)
{
    auto const letter = letter_of(pid);
    if (letter == '\0' || letter == 'Z' || letter == 'X')
        return "gone";
    return letter == 'T' || letter == 't' ? "stopped" : "runs";
}

} // namespace coveyctl
