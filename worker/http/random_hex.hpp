// random_hex: ids that nobody else makes, in hexadecimal digits. For telling things apart, not for
// keeping anybody out: who sees some can guess others.
#pragma once

#include <cstddef>
#include <string>

namespace covey::http {

// So many digits, 16 or 32, not all of them 0. The generator is this thread's, seeded by the kernel
// at its first use; costs no system call after that.
std::string random_hex(std::size_t digits);

} // namespace covey::http
