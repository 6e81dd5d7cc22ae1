#include "written.hpp"

namespace covey {

std::string_view name(put_result result)
{
    switch (result) {
    case put_result::stored:
        return "stored";
    case put_result::unchanged:
        return "unchanged";
    case put_result::exists:
        return "exists";
    case put_result::missing:
        return "missing";
    case put_result::conflict:
        return "conflict";
    case put_result::full:
        return "full";
    case put_result::too_long:
        return "too_long";
    case put_result::busy:
        return "busy";
    case put_result::quarantined:
        return "quarantined";
    }
    return "unknown";
}

} // namespace covey
