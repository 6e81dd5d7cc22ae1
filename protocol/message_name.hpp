// message_name: what a message is called, for people: its struct's name.
#pragma once

#include <cstdint>
#include <string_view>

namespace covey::protocol {

// Of what a master and a worker say to each other, by its number; empty for another.
std::string_view message_name(std::uint16_t type);

} // namespace covey::protocol
