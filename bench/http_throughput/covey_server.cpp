// covey_server: the covey program that bench_http_throughput measures, written as a user would.
#include <covey/covey.hpp>
#include <harness_rows.hpp>
#include <string>
#include <unistd.h>

namespace http = covey::http;
namespace bench = covey::bench;

struct session
{
    bench::row bytes = bench::row_of('x');
};
BOOST_DESCRIBE_STRUCT(session, (), (bytes))

struct shop : covey::state
{
    covey::counter visits{*this, "visits"};
    covey::map<covey::text<22>, session> sessions{*this, "sessions", covey::capacity{10'000}};
};

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "http_throughput";
    return covey::run<shop>(argc, argv, options, [](covey::worker<shop>& worker) {
        auto& state = worker.state();
        worker.get("/", [](http::request const&) { return http::text("hello world"); });
        worker.get("/counter", [&state](http::request const&) {
            return http::text(std::to_string(state.visits.add(1)));
        });
        worker.get("/session", [&state, drawn = bench::dice{worker.seat() + 1},
                                turn = 0U](http::request const&) mutable {
            bench::key_name const key{drawn.below(state.sessions.capacity())};
            auto row = state.sessions.get(key.view()).value_or(session{});
            row.bytes[0] = static_cast<char>('a' + ++turn % 16);
            state.sessions.put(key.view(), row);
            return http::text({row.bytes.data(), row.bytes.size()});
        });
    });
}
