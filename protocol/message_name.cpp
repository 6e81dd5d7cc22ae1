#include "message_name.hpp"

#include "messages.hpp"

namespace covey::protocol {

std::string_view message_name(std::uint16_t type)
{
    switch (type) {
    case welcome::type:
        return "welcome";
    case doorbells::type:
        return "doorbells";
    case listener::type:
        return "listener";
    case begin::type:
        return "begin";
    case connection::type:
        return "connection";
    case stop::type:
        return "stop";
    case hello::type:
        return "hello";
    case refused::type:
        return "refused";
    case listening::type:
        return "listening";
    case suicide::type:
        return "suicide";
    case awake::type:
        return "awake";
    case room::type:
        return "room";
    case ready::type:
        return "ready";
    case accepted::type:
        return "accepted";
    case rejected::type:
        return "rejected";
    case watch_changes::type:
        return "watch_changes";
    case change::type:
        return "change";
    case talk::type:
        return "talk";
    default:
        return {};
    }
}

} // namespace covey::protocol
