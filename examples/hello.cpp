// hello: one count, shared by every worker process. Kill a worker: the count goes on.
//
//   ./dev run hello --workers 4
//   curl http://127.0.0.1:8080/
#include <covey/covey.hpp>
#include <string>

namespace http = covey::http;

struct guest_book : covey::state // one copy, in memory that all workers share
{
    covey::counter visits{*this, "visits"};
};

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "hello";
    options.listen = {"127.0.0.1:8080"};

    // Runs once in every worker, before it takes connections.
    return covey::run<guest_book>(argc, argv, options, [](covey::worker<guest_book>& worker) {
        worker.get("/", [&](http::request const&) {
            auto const visits = worker.state().visits.add(1);
            return http::text("hello from worker " + std::to_string(worker.seat()) +
                              ", visit number " + std::to_string(visits) + "\n");
        });
    });
}
