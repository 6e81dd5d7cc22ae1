#include "unix_socket_path.hpp"

#include "listen_address.hpp"
#include "start_error.hpp"

#include <cerrno>
#include <covey/protocol/control_place.hpp>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace covey::supervision {

namespace {

[[noreturn]] void fail(unix_socket_words words, std::string const& path, int code,
                       std::string const& line)
{
    throw start_error{{code, boost::system::system_category()},
                      fmt::format("{}{}: {}", words.tried, path, line)};
}

sockaddr_un address_of(std::string const& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(static_cast<void*>(address.sun_path), path.data(), path.size());
    return address;
}

// Removes what a killed process left behind, and nothing else.
void remove_stale(unix_socket_words words, std::string const& path)
{
    struct ::stat found
    {};
    if (::lstat(path.c_str(), &found) != 0)
        return; // nothing there, or bind will say what is wrong
    if (!S_ISSOCK(found.st_mode))
        fail(words, path, EEXIST,
             "a file that is no socket is there; remove it or choose another path");
    auto const called = protocol::call_socket(path);
    // ECONNREFUSED is the only answer of a socket without a listener; EAGAIN is a full backlog.
    if (called.failed.value() != ECONNREFUSED)
        fail(words, path, EADDRINUSE,
             fmt::format("Address already in use{}; stop the program that has it or choose another "
                         "{}",
                         called.pid > 0 ? fmt::format(" by process {}", called.pid) : "",
                         words.flag));
    ::unlink(path.c_str());
}

} // namespace

unix_socket_path::unix_socket_path(std::string path, handle const& socket, unix_socket_words words)
{
    if (path.empty() || path.size() > unix_path_bytes_max)
        fail(words, path, ENAMETOOLONG,
             fmt::format("a path has 1 to {} bytes", unix_path_bytes_max));
    remove_stale(words, path);
    auto const address = address_of(path);
    if (::bind(socket.get(), static_cast<sockaddr const*>(static_cast<void const*>(&address)),
               sizeof address) != 0) {
        int const code = errno;
        fail(words, path, code,
             fmt::format("{}; choose a path in a directory that exists and may be written",
                         std::strerror(code)));
    }
    path_ = std::move(path);
    struct ::stat made
    {};
    if (::lstat(path_.c_str(), &made) == 0) {
        device_ = made.st_dev;
        inode_ = made.st_ino;
    }
}

unix_socket_path::~unix_socket_path()
{
    struct ::stat found
    {};
    if (!path_.empty() && ::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ &&
        found.st_ino == inode_)
        ::unlink(path_.c_str());
}

unix_socket_path::unix_socket_path(unix_socket_path&& other) noexcept
    : path_{std::exchange(other.path_, {})}
    , device_{other.device_}
    , inode_{other.inode_}
{}

unix_socket_path& unix_socket_path::operator=(unix_socket_path&& other) noexcept
{
    std::swap(path_, other.path_); // the old file goes with `other`
    std::swap(device_, other.device_);
    std::swap(inode_, other.inode_);
    return *this;
}

} // namespace covey::supervision
