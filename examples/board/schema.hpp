// schema: what the board's workers share, and the parts that serve it.
#pragma once

#include <covey/covey.hpp>
#include <cstdint>

namespace board {

// Capacities decide how much memory it takes.
struct schema : covey::state
{
    // A counter would be cheaper, but two visitors could be told the same total: a value's update
    // gives each of them a number of its own.
    covey::value<std::int64_t> visits{*this, "visits"};

    covey::map<covey::text<32>, std::int64_t> scores{*this, "scores", covey::capacity{1'000}};
};

// What main's set-up function is made of, a file each:
// the page with its script and style, /visits, /whoami, /healthz;
void serve_page(covey::worker<schema>& worker);
// /scores and /scores/{player};
void serve_scores(covey::worker<schema>& worker);
// /events.
void serve_feed(covey::worker<schema>& worker);

// Says in X-Worker which process answered.
covey::http::response signed_here(covey::http::response answer);

} // namespace board
