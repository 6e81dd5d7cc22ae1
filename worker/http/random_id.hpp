// random_id: a name that nobody can guess: 128 random bits of the kernel's, as 32 hexadecimal
// digits.
#pragma once

#include <string>
#include <string_view>

namespace covey::http {

// May block only before the kernel's generator is seeded, early in a machine's boot. Throws
// system_error when the kernel gives none.
std::string random_id();

// Whether `text` could be one.
bool is_random_id(std::string_view text);

} // namespace covey::http
