// patterned: values that tell by themselves whether they are whole: a number, and bytes that follow
// from it and from their place. A mixture of two values, or of a value and a rest of another, is
// none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace covey::test {

// At least 8 bytes.
inline std::string patterned(std::uint64_t number, std::size_t bytes)
{
    std::string out(bytes, '\0');
    std::memcpy(out.data(), &number, sizeof number);
    for (std::size_t i = sizeof number; i < bytes; ++i)
        out[i] = static_cast<char>((number + bytes) * 0x9e37'79b9 + (i >> 3) * 131 + i);
    return out;
}

// The number; none when this is not one whole value.
inline std::optional<std::uint64_t> number_in(std::string_view value)
{
    std::uint64_t number = 0;
    if (value.size() < sizeof number)
        return std::nullopt;
    std::memcpy(&number, value.data(), sizeof number);
    return value == patterned(number, value.size()) ? std::optional{number} : std::nullopt;
}

} // namespace covey::test
