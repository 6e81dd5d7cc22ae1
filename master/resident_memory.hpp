// resident_memory: how much memory a process has in use, as the kernel counts it.
#pragma once

#include <cstdint>

namespace covey::supervision {

// In bytes, what it shares with others included; 0 when there is no such process.
std::uint64_t resident_memory(std::int64_t pid);

} // namespace covey::supervision
