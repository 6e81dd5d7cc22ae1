// is_field_name: whether a field may be called so.
#pragma once

#include <string_view>

namespace covey {

inline bool is_field_name(std::string_view text)
{
    return !text.empty() && text.size() <= 64 &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == text.npos;
}

} // namespace covey
