// choice: which of the running clusters is meant.
#pragma once

#include <cstdint>
#include <string>

namespace coveyctl {

// At most one of them is set; none: the only one there is.
struct choice
{
    std::string control; // a socket's path
    std::int64_t pid = 0;
    std::string name;
};

// The path of its control socket. Throws failure when there is none, or several: then it lists
// them.
std::string socket_of(choice const& meant);

} // namespace coveyctl
