// strangers: open files of every kind a process can be handed in place of a connection.
#pragma once

#include <array>
#include <covey/protocol/handle.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace covey::test {

struct stranger
{
    char const* what;
    handle (*make)();
};

namespace detail {

inline handle one_end(bool second)
{
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        return {};
    handle{ends[second ? 0 : 1]}.reset();
    return handle{ends[second ? 1 : 0]};
}

inline handle listening()
{
    handle made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    bool const bound =
        ::bind(made.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    return bound && ::listen(made.get(), 4) == 0 ? std::move(made) : handle{};
}

inline handle opened(char const* path, int flags)
{
    return handle{::open(path, flags | O_CLOEXEC, 0600)};
}

} // namespace detail

// None of them can be served as a connection.
inline std::array<stranger, 16> const strangers{{
    {"a pipe's end to read", [] { return detail::one_end(false); }},
    {"a pipe's end to write", [] { return detail::one_end(true); }},
    {"a regular file", [] { return detail::opened("/tmp", O_TMPFILE | O_RDWR); }},
    {"a file to read", [] { return detail::opened("/proc/self/exe", O_RDONLY); }},
    {"a directory", [] { return detail::opened("/", O_RDONLY | O_DIRECTORY); }},
    {"a path", [] { return detail::opened("/", O_PATH); }},
    {"/dev/null", [] { return detail::opened("/dev/null", O_RDWR); }},
    {"memory", [] { return handle{::memfd_create("stranger", MFD_CLOEXEC)}; }},
    {"an eventfd", [] { return handle{::eventfd(1, EFD_CLOEXEC)}; }},
    {"an epoll", [] { return handle{::epoll_create1(EPOLL_CLOEXEC)}; }},
    {"a timer", [] { return handle{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)}; }},
    {"a UDP socket", [] { return handle{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)}; }},
    {"a Unix datagram socket",
     [] { return handle{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)}; }},
    {"a Unix socket that is not connected",
     [] { return handle{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}; }},
    {"a TCP socket that is not connected",
     [] { return handle{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}; }},
    {"a listening socket", [] { return detail::listening(); }},
}};

} // namespace covey::test
