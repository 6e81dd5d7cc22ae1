#include "harness_server.hpp"

#include "harness_load.hpp"
#include "harness_process_tree.hpp"

#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <stdexcept>
#include <thread>
#include <utility>

namespace covey::bench {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

namespace {

constexpr auto start_limit = 20s;

} // namespace

server::server(std::string const& name, std::uint16_t port, std::string path,
               std::vector<std::string> words, unsigned workers)
    : port_{port}
    , process_{std::move(path), std::move(words)}
{
    try {
        wait_until_up(workers);
    } catch (std::exception const& failed) {
        throw std::runtime_error{fmt::format("{}: {}", name, failed.what())};
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
    return tree_of(process_.pid());
}

std::vector<pid_t> server::workers() const
{
    return children_of(process_.pid());
}

} // namespace covey::bench
