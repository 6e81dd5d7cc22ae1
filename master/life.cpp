#include "life.hpp"

#include <fmt/format.h>

namespace covey::supervision {

std::string_view name(life_state state)
{
    switch (state) {
    case life_state::forked:
        return "forked";
    case life_state::online:
        return "online";
    case life_state::listening:
        return "listening";
    case life_state::ready:
        return "ready";
    case life_state::draining:
        return "draining";
    case life_state::disconnected:
        return "disconnected";
    case life_state::dead:
        return "dead";
    }
    return "unknown";
}

life_state life::state() const
{
    if (exited)
        return life_state::dead;
    if (disconnected)
        return life_state::disconnected;
    if (planned)
        return life_state::draining;
    if (ready_at)
        return life_state::ready;
    if (!listening.empty())
        return life_state::listening;
    return online ? life_state::online : life_state::forked;
}

std::string life::why() const
{
    return reason.empty() || words.empty() ? reason + words : reason + "\n" + words;
}

std::string life::obituary() const
{
    auto out = fmt::format("worker {} (seat {}, generation {})", id, seat, generation);
    if (exited)
        out += ": " + status.text();
    if (auto const known = why(); !known.empty())
        out += ": " + known;
    return out;
}

} // namespace covey::supervision
