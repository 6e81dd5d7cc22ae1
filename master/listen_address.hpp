// listen_address: what --listen takes, taken apart: "HOST:PORT", "[V6]:PORT",
// "unix:PATH", or "systemd:NAME" for a socket that the service manager hands over.
#pragma once

#include <covey/protocol/control_place.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace covey::supervision {

inline constexpr auto unix_path_bytes_max = protocol::socket_path_bytes_max;

struct listen_address
{
    std::string host; // a name or an address, without brackets; empty for unix
    std::uint16_t port = 0;
    std::string path; // of a unix socket; empty for TCP
    std::string name; // of an inherited socket; empty for one of our own

    bool is_unix() const { return !path.empty(); }
    bool is_inherited() const { return !name.empty(); }
};

// What is wrong with `text` and what to write instead; empty, and `into` set, when nothing is.
// Looks at the words alone: a host that does not exist shows when it is bound.
std::string parse(std::string_view text, listen_address& into);

} // namespace covey::supervision
