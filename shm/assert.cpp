#include "assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace covey::detail {

void assertion_failed(char const* claim, char const* file, int line) noexcept
{
    std::fprintf(stderr, "covey: assertion failed: %s (%s:%d)\n", claim, file, line);
    std::abort();
}

} // namespace covey::detail
