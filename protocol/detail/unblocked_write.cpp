#include "unblocked_write.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <covey/protocol/handle.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace covey::protocol::detail {

namespace {

// What of the line a call takes, until it takes no more.
template <class Call>
bool write_all(std::string_view line, Call call)
{
    while (!line.empty()) {
        auto const wrote = call(line);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        line.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

handle opened_anew(int descriptor)
{
    std::array<char, 32> path{"/proc/self/fd/"};
    std::to_chars(path.data() + 14, path.data() + path.size() - 1, descriptor);
    return handle{::open(path.data(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)};
}

bool takes_now(int descriptor)
{
    pollfd asked{.fd = descriptor, .events = POLLOUT, .revents = 0};
    return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLOUT) != 0;
}

bool write_to(int descriptor, std::string_view line)
{
    struct ::stat found
    {};
    if (::fstat(descriptor, &found) != 0)
        return false;
    auto const plainly = [&](int to) {
        return write_all(line, [to](auto rest) { return ::write(to, rest.data(), rest.size()); });
    };
    if (S_ISREG(found.st_mode))
        return plainly(descriptor);
    if (S_ISSOCK(found.st_mode))
        return write_all(line, [descriptor](auto rest) {
            return ::send(descriptor, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        });
    if (S_ISFIFO(found.st_mode))
        if (auto const own = opened_anew(descriptor); own.is_open())
            return plainly(own.get());
    return takes_now(descriptor) && plainly(descriptor);
}

} // namespace

bool write_unblocked(int descriptor, std::string_view line) noexcept
{
    int const before = errno;
    bool const all = write_to(descriptor, line);
    errno = before;
    return all;
}

} // namespace covey::protocol::detail
