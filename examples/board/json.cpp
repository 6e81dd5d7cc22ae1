#include "json.hpp"

#include <boost/json/src.hpp> // the library itself: header-only, so nothing more to link
#include <map>
#include <unistd.h>

namespace board::json {

namespace {

namespace json = boost::json;

json::string_view view(std::string_view text)
{
    return {text.data(), text.size()};
}

} // namespace

std::string score(std::string_view player, std::optional<std::int64_t> points)
{
    return json::serialize(json::object{{"player", view(player)},
                                        {"points", points ? json::value(*points) : json::value()}});
}

std::string scores(schema const& state)
{
    std::map<std::string, std::int64_t> sorted;
    state.scores.for_each([&](auto const& player, std::int64_t points, std::uint64_t) {
        sorted.emplace(player.view(), points);
    });
    json::object out;
    for (auto const& [player, points] : sorted)
        out.emplace(player, points);
    return json::serialize(out);
}

std::string whoami(covey::worker<schema> const& who)
{
    return json::serialize(json::object{{"pid", ::getpid()},
                                        {"worker", who.id()},
                                        {"seat", who.seat()},
                                        {"generation", who.generation()}});
}

bool is_text(std::string_view bytes)
{
    boost::system::error_code wrong;
    json::parse(json::serialize(view(bytes)), wrong); // the parser takes UTF-8 only
    return !wrong;
}

} // namespace board::json
