#include "stored.hpp"

#include <string>

namespace covey::http {

namespace {

response busy()
{
    return status(503).set("Retry-After", "1");
}

} // namespace

response stored(put_result result)
{
    switch (result) {
    case put_result::stored:
    case put_result::unchanged:
        return status(204);
    case put_result::exists:
        return status(409);
    case put_result::missing:
        return status(404);
    case put_result::conflict:
        return status(412);
    case put_result::full:
        return status(507);
    case put_result::too_long:
        return text("the key is too long\n", 400);
    case put_result::busy:
    case put_result::quarantined:
        break;
    }
    return busy();
}

response removed(erase_result result)
{
    switch (result) {
    case erase_result::erased:
        return status(204);
    case erase_result::missing:
        return status(404);
    case erase_result::busy:
    case erase_result::quarantined:
        break;
    }
    return busy();
}

} // namespace covey::http
