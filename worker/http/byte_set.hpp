// byte_set: which bytes may stand somewhere, asked by one load a byte.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace covey::http {

class byte_set
{
  public:
    constexpr explicit byte_set(std::string_view members)
    {
        for (char const each : members)
            has_[static_cast<unsigned char>(each)] = true;
    }
    // All from `first` to `last`, but for `without`.
    constexpr byte_set(unsigned char first, unsigned char last, std::string_view without)
    {
        for (std::size_t each = first; each <= last; ++each)
            has_[each] = true;
        for (char const each : without)
            has_[static_cast<unsigned char>(each)] = false;
    }
    constexpr byte_set with(std::string_view more) const
    {
        auto out = *this;
        for (char const each : more)
            out.has_[static_cast<unsigned char>(each)] = true;
        return out;
    }

    constexpr bool has(char byte) const { return has_[static_cast<unsigned char>(byte)]; }
    constexpr bool has_all(std::string_view text) const
    {
        bool all = true; // without a branch a byte: nearly every text has all
        for (char const each : text)
            all &= has(each);
        return all;
    }

  private:
    std::array<bool, 256> has_{};
};

inline constexpr byte_set digits{"0123456789"};
inline constexpr byte_set letters_and_digits =
    digits.with("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
inline constexpr byte_set token_bytes = letters_and_digits.with("!#$%&'*+-.^_`|~"); // RFC 9110
inline constexpr byte_set value_bytes = byte_set{0x20, 0xff, "\x7f"}.with("\t");    // of a field

inline bool is_token(std::string_view text)
{
    return !text.empty() && token_bytes.has_all(text);
}

} // namespace covey::http
