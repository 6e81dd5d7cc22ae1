#include "control_socket.hpp"

#include "start_error.hpp"

#include <boost/system/system_error.hpp>
#include <cerrno>
#include <covey/protocol/control_place.hpp>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace covey::supervision {

namespace {

constexpr unix_socket_words words{.tried = "control socket ", .flag = "--control PATH"};

[[noreturn]] void fail(std::string const& path, int code)
{
    throw start_error{{code, boost::system::system_category()},
                      fmt::format("{}{}: {}", words.tried, path, std::strerror(code))};
}

std::string usual_path(std::string_view cluster)
try {
    auto const directory = protocol::make_control_directory();
    protocol::remove_stale_controls(directory);
    return fmt::format("{}/{}", directory, protocol::control_file_name(cluster, ::getpid()));
} catch (boost::system::system_error const& failed) {
    throw start_error{failed.code(), fmt::format("control socket: {}; choose --control PATH or off",
                                                 failed.what())};
}

handle make_socket(std::string const& path)
{
    handle made{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!made.is_open() || ::fchmod(made.get(), 0600) != 0)
        fail(path, errno);
    return made;
}

} // namespace

control_socket::control_socket(std::string const& path, std::string_view cluster)
    : path_{path.empty() ? usual_path(cluster) : path}
    , socket_{share(make_socket(path_))}
    , file_{path_, *socket_, words}
{
    struct ::stat made
    {};
    if (::lstat(path_.c_str(), &made) != 0 || (made.st_mode & 0777) != 0600)
        fail(path_, EACCES); // another kernel, another file system: better none than an open one
    if (::listen(socket_->get(), backlog) != 0)
        fail(path_, errno);
}

} // namespace covey::supervision
