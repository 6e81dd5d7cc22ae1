// The number both ends of a channel must agree on. It rises with every change of a frame or a
// message that the other side could misread; `hello` and `welcome` carry it, and a worker that
// gets another one leaves with exit code 78 (worker_exit::fatal).
#pragma once

#include <cstdint>

namespace covey::protocol {

inline constexpr std::uint32_t version = 5;

// What a worker's exit code tells the master (sysexits.h's numbers, so that scripts know them).
namespace worker_exit {
inline constexpr int planned = 0;    // stop was asked for, or the master is gone
inline constexpr int temporary = 75; // EX_TEMPFAIL: try again after the back-off
inline constexpr int fatal = 78;     // EX_CONFIG: starting it again cannot help
} // namespace worker_exit

} // namespace covey::protocol
