#include "random_id.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <sys/random.h>
#include <system_error>

namespace covey::http {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::size_t id_bytes = 16;

} // namespace

std::string random_id()
{
    std::array<unsigned char, id_bytes> bits; // up to 256 bytes come whole (getrandom(2))
    while (::getrandom(bits.data(), bits.size(), 0) != static_cast<ssize_t>(bits.size()))
        if (errno != EINTR)
            throw std::system_error{errno, std::generic_category(), "getrandom"};
    std::string out;
    out.reserve(2 * id_bytes);
    for (unsigned const byte : bits) {
        out += hex_digits[byte >> 4];
        out += hex_digits[byte & 15];
    }
    return out;
}

bool is_random_id(std::string_view text)
{
    return text.size() == 2 * id_bytes && text.find_first_not_of(hex_digits) == text.npos;
}

} // namespace covey::http
