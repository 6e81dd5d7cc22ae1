// unix_socket_path: the file a unix listening socket is reached by, removed with its owner.
//
// Only the process that bound it has one of these, so no worker ever removes the path.
#pragma once

#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace covey::supervision {

// How a path that cannot be had is told: what was tried, and the flag that chooses another one.
struct unix_socket_words
{
    std::string_view tried = "listen on unix:";
    std::string_view flag = "--listen";
};

class unix_socket_path
{
  public:
    unix_socket_path() = default;

    // Binds `socket` to `path`. A socket file that nobody answers on, left by a process that was
    // killed, is removed first; any other file, and a socket somebody answers on, stays and is the
    // error. Throws start_error. Does not wait.
    unix_socket_path(std::string path, handle const& socket, unix_socket_words words = {});

    // Removes the file, unless another has taken its place.
    ~unix_socket_path();
    unix_socket_path(unix_socket_path&& other) noexcept;
    unix_socket_path& operator=(unix_socket_path&& other) noexcept;

  private:
    std::string path_;
    std::uint64_t device_ = 0; // with the inode: which file we made
    std::uint64_t inode_ = 0;
};

} // namespace covey::supervision
