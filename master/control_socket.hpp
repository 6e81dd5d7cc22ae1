// control_socket: the socket that tools reach a master by, and its file.
//
// Mode 0600 from birth: the file gets the mode that the socket has when it is bound (Linux:
// unix_bind_bsd), less the umask, and nobody can connect before it listens.
#pragma once

#include "unix_socket_path.hpp"

#include <covey/protocol/handle.hpp>
#include <string>
#include <string_view>

namespace covey::supervision {

class control_socket
{
  public:
    static constexpr int backlog = 64; // tools that wait while as many as may are being answered

    // `path`: a file, or empty: a place of this user's (protocol/control_place.hpp), where what
    // killed masters have left is removed. A path where another program answers is an error.
    // Throws start_error.
    control_socket(std::string const& path, std::string_view cluster);

    shared_handle const& listening() const { return socket_; }
    std::string const& path() const { return path_; }

  private:
    std::string path_;
    shared_handle socket_;
    unix_socket_path file_;
};

} // namespace covey::supervision
