// allocations: how often this program has asked for memory by operator new, and how much of it it
// holds. Link support/allocations.cpp.
#pragma once

#include <cstddef>

namespace covey::test::allocations {

std::size_t made();       // since the start, of all threads
std::size_t bytes_held(); // as the C library counts them, rounded up by it

} // namespace covey::test::allocations
