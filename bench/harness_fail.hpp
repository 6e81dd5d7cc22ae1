// fail: a system call has failed, and the bench with it.
#pragma once

#include <cerrno>
#include <system_error>

namespace covey::bench {

[[noreturn]] inline void fail(char const* doing)
{
    throw std::system_error{errno, std::system_category(), doing};
}

} // namespace covey::bench
