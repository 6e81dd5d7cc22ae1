#include "server.hpp"

#include <cstdint>
#include <fmt/format.h>
#include <harness_load.hpp>
#include <vector>

namespace covey::bench {

namespace {

std::vector<std::string> words(kind const& which, std::uint16_t port, unsigned workers,
                               scratch const& notes)
{
    auto const count = std::to_string(workers);
    auto const number = std::to_string(port);
    if (which.program == "nginx")
        return {"nginx", "-p", notes.folder(), "-c",
                filled_in("nginx.conf", notes, fmt::format("nginx-{}.conf", port),
                          {{"@WORKERS@", count},
                           {"@PORT@", number},
                           {"@CONNECTIONS@", "1024"},
                           {"@REUSEPORT@", which.mode == "reuseport" ? "reuseport" : ""},
                           {"@FOLDER@", notes.folder()}})};
    if (which.program == "node")
        return {"node", peer_file("cluster.js"), number, count, which.mode};
    return {"bench_hello_server", "--listen",    fmt::format("127.0.0.1:{}", port),
            "--workers",          count,         "--dispatch",
            which.mode,           "--log-level", "error"};
}

std::string path(kind const& which)
{
    return which.program == "covey" ? beside_this_program("bench_hello_server")
                                    : find_program(which.program);
}

} // namespace

bool is_installed(kind const& which)
{
    return !path(which).empty();
}

server start(kind const& which, unsigned workers, scratch const& notes)
{
    auto const port = free_port();
    return {which.program + " " + which.mode, port, path(which), words(which, port, workers, notes),
            workers};
}

} // namespace covey::bench
