// hello_server: the covey program that bench_dispatch_cost measures: what nginx does with
// "return 200", and the worker's process number for who wants to know that it is another one.
#include <covey/covey.hpp>
#include <string>
#include <unistd.h>

namespace http = covey::http;

struct nothing : covey::state
{
    covey::counter unused{*this, "unused"};
};

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "hello_server";
    return covey::run<nothing>(argc, argv, options, [](covey::worker<nothing>& worker) {
        worker.get("/", [](http::request const&) { return http::text("hello world"); });
        worker.get("/pid",
                   [](http::request const&) { return http::text(std::to_string(::getpid())); });
    });
}
