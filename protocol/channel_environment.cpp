#include "channel_environment.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <sys/socket.h>

namespace covey::protocol {

namespace {

[[noreturn]] void refuse(std::string_view text, int error)
{
    throw boost::system::system_error{{error, boost::system::system_category()},
                                      std::string{channel_variable} + "=" + std::string{text} +
                                          " is no channel: unset it, or start this "
                                          "program by its master"};
}

int option(int descriptor, int name)
{
    int value = -1;
    ::socklen_t size = sizeof value;
    return ::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

} // namespace

std::string channel_entry(int descriptor)
{
    return channel_variable + ("=" + std::to_string(descriptor));
}

handle channel_from_environment()
{
    char const* const variable = std::getenv(channel_variable);
    if (!variable)
        return {};
    std::string const text{variable};
    ::unsetenv(channel_variable);

    int descriptor = -1;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), descriptor);
    if (failed != std::errc{} || end != text.data() + text.size() || descriptor < 0)
        refuse(text, EINVAL);
    if (option(descriptor, SO_DOMAIN) != AF_UNIX || option(descriptor, SO_TYPE) != SOCK_STREAM)
        refuse(text, ENOTSOCK);
    // It came through exec, so it is the one descriptor of the house that was not born so.
    if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0)
        refuse(text, errno);
    return handle{descriptor};
}

} // namespace covey::protocol
