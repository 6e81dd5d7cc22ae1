#include "server.hpp"

#include "load.hpp"
#include "process_tree.hpp"

#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <utility>

namespace covey::bench {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto start_limit = 20s;
constexpr auto stop_limit = 10s;

std::string peer_file(std::string_view name)
{
    return fmt::format("{}/{}", BENCH_PEERS, name);
}

void replace(std::string& text, std::string_view mark, std::string_view with)
{
    for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
        text.replace(at, mark.size(), with);
}

// nginx.conf with its marks filled in.
std::string nginx_configuration(kind const& which, std::uint16_t port, unsigned workers,
                                scratch const& notes)
{
    std::ifstream from{peer_file("nginx.conf")};
    std::string text{std::istreambuf_iterator<char>{from}, {}};
    replace(text, "@WORKERS@", std::to_string(workers));
    replace(text, "@PORT@", std::to_string(port));
    replace(text, "@REUSEPORT@", which.mode == "reuseport" ? "reuseport" : "");
    replace(text, "@FOLDER@", notes.folder());
    auto const file = notes.file(fmt::format("nginx-{}.conf", port));
    std::ofstream{file} << text;
    return file;
}

std::vector<std::string> words(kind const& which, std::uint16_t port, unsigned workers,
                               scratch const& notes)
{
    auto const count = std::to_string(workers);
    if (which.program == "nginx")
        return {"nginx", "-p", notes.folder(), "-c",
                nginx_configuration(which, port, workers, notes)};
    if (which.program == "node")
        return {"node", peer_file("cluster.js"), std::to_string(port), count, which.mode};
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

std::string beside_this_program(std::string_view name)
{
    return (fs::read_symlink("/proc/self/exe").parent_path() / name).string();
}

bool is_installed(kind const& which)
{
    return !path(which).empty();
}

server::server(kind const& which, unsigned workers, scratch const& notes)
    : port_{free_port()}
    , process_{child::of_program(path(which), words(which, port_, workers, notes), {}, SIGTERM)}
{
    try {
        wait_until_up(workers);
    } catch (std::exception const& failed) {
        throw std::runtime_error{
            fmt::format("{} {}: {}", which.program, which.mode, failed.what())};
    }
}

server::~server()
{
    if (!process_ || process_->pid() <= 0)
        return;
    try {
        process_->stop(stop_limit);
    } catch (std::exception const&) {
        // Node ends by the signal; what does not end is killed with `process_`.
    }
}

void server::wait_until_up(unsigned workers) const
{
    auto const limit = clock::now() + start_limit;
    while (this->workers().size() < workers || ask(port_, "/", 2s) != hello_body) {
        if (clock::now() > limit)
            throw std::runtime_error{"is not up in time"};
        std::this_thread::sleep_for(5ms);
    }
}

std::vector<pid_t> server::processes() const
{
    return tree_of(process_->pid());
}

std::vector<pid_t> server::workers() const
{
    return children_of(process_->pid());
}

} // namespace covey::bench
