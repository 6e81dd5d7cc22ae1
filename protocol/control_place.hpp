// control_place: where masters have their control sockets, so that tools find them.
//
// A user's are in one directory that nobody else may enter: $XDG_RUNTIME_DIR/covey, else
// /run/user/UID/covey, else /tmp/covey-UID. A socket is called NAME-PID.sock after its cluster and
// its master. That of a master that was killed stays behind; whoever comes by removes it.
#pragma once

#include "handle.hpp"

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace covey::protocol {

// sizeof(sockaddr_un::sun_path) less the final zero, unix(7).
inline constexpr std::size_t socket_path_bytes_max = 107;

struct control_place
{
    std::string path;
    std::string name;     // the cluster's, as the path has it
    std::int64_t pid = 0; // the master's, as it sees itself
};

// The directories in which masters of `user` may have their sockets, the best first.
std::vector<std::string> control_directories(std::uint32_t user);

// Of this user: makes the first of them that can be made. Throws system_error when there is none,
// or when what is there is not this user's alone: then somebody else waits for the socket there.
std::string make_control_directory();

// "NAME-PID.sock"; of a name, what has no place in a path becomes '_'.
std::string control_file_name(std::string_view name, std::int64_t pid);

// The sockets of masters that live, by path. What is left of others is removed, as far as this user
// may. Directories that are not `user`'s alone are passed by.
std::vector<control_place> find_controls(std::uint32_t user);

// Removes from `directory` what is left of masters whose process is gone. Asks nobody who lives.
void remove_stale_controls(std::string const& directory);

// Who answers on a Unix stream socket; it does not wait.
struct caller
{
    handle socket; // connected, non-blocking; empty: see `failed`
    boost::system::error_code failed{};
    std::int64_t pid = 0; // of who listens, as this process sees it; 0: of another namespace
};
caller call_socket(std::string const& path);

// Who is at the other end of a connected Unix socket, as the kernel says.
struct peer_identity
{
    std::int64_t pid = 0;
    std::uint32_t user = 0;
};
peer_identity peer_of(handle const& socket); // throws system_error

} // namespace covey::protocol
