// first_line: of a text that may have several, where one line is said.
#pragma once

#include <string>

namespace covey::supervision {

inline std::string first_line(std::string const& text)
{
    return text.substr(0, text.find('\n'));
}

} // namespace covey::supervision
