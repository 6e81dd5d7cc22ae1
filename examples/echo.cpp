// echo: answers any request with its own body. X-Worker tells which process did.
//
//   ./dev run echo --dispatch round_robin
//   curl -i --data 'is anybody there?' http://127.0.0.1:8080/any/path
#include <covey/covey.hpp>
#include <string>
#include <unistd.h>

namespace http = covey::http;

struct nothing : covey::state
{};

http::response echo(http::request const& request)
{
    std::string type{request.header("Content-Type")};
    http::response answer;
    answer.set("Content-Type", type.empty() ? "text/plain" : std::move(type));
    answer.set("X-Worker", std::to_string(::getpid()));
    answer.body = request.body();
    return answer;
}

int main(int argc, char** argv)
{
    covey::options options;
    options.name = "echo";
    return covey::run<nothing>(argc, argv, options, [](covey::worker<nothing>& worker) {
        worker.any("/", echo);
        worker.any("/{rest...}", echo);
    });
}
