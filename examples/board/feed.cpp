// feed: every change of a score as a server-sent event, to whoever listens at /events.
#include "json.hpp"
#include "schema.hpp"

#include <memory>
#include <vector>

namespace board {

namespace http = covey::http;

namespace {

http::event told(std::uint64_t revision, std::string_view player,
                 std::optional<std::int64_t> points)
{
    return {.id = revision, .name = "score", .data = json::score(player, points)};
}

// The board as it is now, as if everything had just happened.
std::vector<http::event> snapshot(schema const& state)
{
    std::vector<http::event> rows;
    state.scores.for_each([&](auto const& player, std::int64_t points, std::uint64_t revision) {
        rows.push_back(told(revision, player, points));
    });
    return rows;
}

} // namespace

void serve_feed(covey::worker<schema>& worker)
{
    auto& state = worker.state();
    auto const feed = std::make_shared<http::event_stream>(
        worker.get_executor(),
        http::event_stream::options{.since = worker.since(),
                                    .snapshot = [&state] { return snapshot(state); }});

    // This worker's own changes and those of all others, in one order: their revisions are the
    // events' ids, which only rise.
    auto const publish = [feed](auto const& change) {
        if (change.kind == covey::change_kind::resync)
            feed->reset(change.revision);
        else
            feed->publish(told(change.revision, change.key, change.after));
    };
    worker.on_change(state.scores, publish,
                     {.deliver = covey::delivery::ordered, .own_changes = true});

    // The page asks for /events?page: it begins with all scores, and learns who holds its stream
    // (scripts see no header of it).
    worker.get("/events", [feed, &worker](http::request const& asked) {
        bool const page = asked.query("page").has_value();
        auto answer =
            feed->open(asked, page ? http::event_start::snapshot : http::event_start::now);
        if (answer.events && page)
            answer.body += "event: worker\ndata: " + json::whoami(worker) + "\n\n";
        return signed_here(std::move(answer));
    });
}

} // namespace board
