// message: what one side of a conversation of applications says to the other.
#pragma once

#include "datum.hpp"
#include "passed_handle.hpp"

#include <cstddef>
#include <vector>

namespace covey {

// A body as msgpack, and a message's handles. What is above is send_status::invalid.
inline constexpr std::size_t message_bytes_max = (1 << 20) - 128;
inline constexpr std::size_t message_handles_max = 64;

struct message
{
    datum body;
    std::vector<passed_handle> handles; // in the order in which they were sent
};

} // namespace covey
