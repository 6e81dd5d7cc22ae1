#include "orders.hpp"

namespace covey::supervision {

std::string_view name(fact what)
{
    switch (what) {
    case fact::fork:
        return "fork";
    case fact::online:
        return "online";
    case fact::listening:
        return "listening";
    case fact::ready:
        return "ready";
    case fact::suicide:
        return "suicide";
    case fact::disconnect:
        return "disconnect";
    case fact::exit:
        return "exit";
    case fact::close:
        return "close";
    case fact::error:
        return "error";
    case fact::giveup:
        return "giveup";
    case fact::reload_started:
        return "reload_started";
    case fact::reload_done:
        return "reload_done";
    case fact::reload_failed:
        return "reload_failed";
    }
    return "unknown";
}

} // namespace covey::supervision
