// scores: reading and changing the board. Bad input is answered with one line that says why.
#include "json.hpp"
#include "schema.hpp"

#include <optional>
#include <string>

namespace board {

namespace http = covey::http;

namespace {

using points = std::int64_t;

http::response wrong_points()
{
    return http::text("send a whole number of 64 bits as the body, such as 5 or -3\n", 400);
}

// The body as a whole number: "5", "-3", "+3"; one line end after it is no part of it.
std::optional<points> points_in(http::request const& asked)
{
    http::request trimmed;
    trimmed.body_text = asked.body();
    for (char const end : {'\n', '\r'})
        if (trimmed.body().ends_with(end))
            trimmed.body_text.pop_back();
    return trimmed.parse<points>();
}

// A living process has held the row's lock for seconds, or its writers keep dying.
http::response busy()
{
    return http::status(503).set("Retry-After", "1");
}

// What became of a write, with `done` for one that was stored.
http::response after(covey::put_result result, http::response done)
{
    switch (result) {
    case covey::put_result::stored:
        return done;
    case covey::put_result::full:
        return http::text("the board is full: delete a player first\n", 507);
    case covey::put_result::unchanged: // only an addition wants none: see add()
        return http::text("the sum would leave 64 bits; nothing was added\n", 400);
    default:
        return busy();
    }
}

http::response get(schema& state, std::string_view player, http::request const&)
{
    auto const now = state.scores.get(player);
    return now ? http::text(std::to_string(*now)) : http::status(404);
}

http::response put(schema& state, std::string_view player, http::request const& asked)
{
    auto const wanted = points_in(asked);
    return wanted ? after(state.scores.put(player, *wanted), http::status(204)) : wrong_points();
}

http::response add(schema& state, std::string_view player, http::request const& asked)
{
    auto const more = points_in(asked);
    if (!more)
        return wrong_points();
    points sum = 0;
    auto const done = state.scores.update(player, [&](std::optional<points> now) {
        bool const fits = !__builtin_add_overflow(now.value_or(0), *more, &sum);
        return fits ? std::optional{sum} : std::nullopt;
    });
    return after(done, http::text(std::to_string(sum)));
}

http::response erase(schema& state, std::string_view player, http::request const&)
{
    auto const done = state.scores.erase(player);
    if (done == covey::erase_result::busy || done == covey::erase_result::quarantined)
        return busy();
    return http::status(done == covey::erase_result::erased ? 204 : 404);
}

} // namespace

void serve_scores(covey::worker<schema>& worker)
{
    // Every handler of a player gets a name that fits a row and that JSON can carry.
    auto const for_player = [&state = worker.state()](auto action) {
        return [&state, action](http::request const& asked) {
            auto const player = asked.path("player");
            if (!covey::text<32>::fits(player) || !json::is_text(player))
                return signed_here(http::text("a player's name is 1 to 32 bytes of UTF-8\n", 400));
            return signed_here(action(state, player, asked));
        };
    };
    worker.get("/scores/{player}", for_player(get));
    worker.put("/scores/{player}", for_player(put));
    worker.post("/scores/{player}", for_player(add));
    worker.del("/scores/{player}", for_player(erase));
    worker.get("/scores", [&state = worker.state()](http::request const&) {
        return signed_here(http::json(json::scores(state)));
    });
}

} // namespace board
