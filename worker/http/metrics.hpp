// metrics: the page that Prometheus reads, of the whole cluster, from any worker of it.
//
//   worker.get("/metrics", covey::http::metrics(worker));
//
// All of it comes out of the segment: every worker answers with the same sums, what dead workers
// have counted included. Nobody is asked and nothing is locked; a page reads 8 KiB for each block
// and a few files of /proc for each worker. docs/observing.md has the names. The page tells
// strangers how the cluster is doing: mount it where only those come who may know.
#pragma once

#include "handler.hpp"

#include <string>

namespace covey {

class inspect;

template <class State>
class worker;

namespace http {

// The page, as of now. `seen` is the worker's own segment.
std::string metrics_page(inspect const& seen);

// The page as a response.
response metrics_response(std::string page);

// For the set-up function; the worker outlives it.
template <class State>
handler metrics(worker<State>& of)
{
    return [&of](request const&) { return metrics_response(of.metrics_text()); };
}

} // namespace http

} // namespace covey
