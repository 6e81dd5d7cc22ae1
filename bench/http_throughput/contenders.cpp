#include "contenders.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <harness_load.hpp>
#include <harness_process_tree.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

namespace covey::bench {

namespace {

std::string const count = std::to_string(worker_count);

std::string nothing()
{
    return {};
}

std::function<std::string()> unless_there(std::vector<std::string> programs)
{
    return [programs = std::move(programs)] {
        for (auto const& each : programs)
            if (find_program(each).empty())
                return each;
        return std::string{};
    };
}

running_server start_covey(std::string const& dispatch)
{
    auto const port = free_port();
    return {{},
            {"covey",
             port,
             beside_this_program("bench_covey_server"),
             {"bench_covey_server", "--listen", fmt::format("127.0.0.1:{}", port), "--workers",
              count, "--dispatch", dispatch, "--log-level", "error"},
             worker_count}};
}

running_server start_ours(std::string const& program)
{
    auto const port = free_port();
    return {{},
            {program,
             port,
             beside_this_program(program),
             {program, std::to_string(port), count},
             worker_count}};
}

running_server start_nginx(std::string const& configuration, scratch const& notes)
{
    auto const port = free_port();
    auto const file = filled_in(configuration, notes, fmt::format("nginx-{}.conf", port),
                                {{"@WORKERS@", count},
                                 {"@PORT@", std::to_string(port)},
                                 {"@REUSEPORT@", "reuseport backlog=4096"},
                                 {"@CONNECTIONS@", "8192"},
                                 {"@MODULES@", nginx_modules},
                                 {"@FOLDER@", notes.folder()}});
    return {{},
            {"nginx",
             port,
             find_program("nginx"),
             {"nginx", "-p", notes.folder(), "-c", file},
             worker_count}};
}

// Node's client would not connect again.
void wait_for_file(std::string const& path)
{
    auto const limit = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!std::filesystem::exists(path)) {
        if (std::chrono::steady_clock::now() > limit)
            throw std::runtime_error{"redis-server: is not up in time"};
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
}

running_server start_node(scratch const& notes)
{
    auto const port = free_port();
    auto const socket = notes.file("redis.socket");
    std::vector<peer_program> helpers;
    helpers.emplace_back(find_program("redis-server"),
                         std::vector<std::string>{"redis-server", "--port", "0", "--unixsocket",
                                                  socket, "--save", "", "--appendonly", "no",
                                                  "--dir", notes.folder()});
    wait_for_file(socket);
    return {std::move(helpers),
            {"node",
             port,
             find_program("node"),
             {"node", peer_file("http_redis.js"), std::to_string(port), count, socket},
             worker_count}};
}

} // namespace

std::vector<errand> const& errands()
{
    static std::vector<errand> const all{
        {"hello", "/", hello_body}, {"counter", "/counter", ""}, {"session", "/session", ""}};
    return all;
}

std::vector<pid_t> running_server::processes() const
{
    auto out = http.processes();
    for (auto const& each : helpers)
        for (auto const process : tree_of(each.pid()))
            out.push_back(process);
    return out;
}

bool contender::has(errand const& what) const
{
    return std::find(errands.begin(), errands.end(), what.name) != errands.end();
}

std::vector<contender> contenders(std::string const& dispatch)
{
    std::vector<std::string> const all{"hello", "counter", "session"};
    std::vector<std::string> const hello{"hello"};
    return {
        {"covey", all, true, nothing, [dispatch](scratch const&) { return start_covey(dispatch); }},
        {"epoll", all, true, nothing,
         [](scratch const&) { return start_ours("bench_epoll_server"); }},
        {"beast", hello, true, nothing,
         [](scratch const&) { return start_ours("bench_beast_server"); }},
        {"nginx", hello, true, unless_there({"nginx"}),
         [](scratch const& notes) { return start_nginx("nginx.conf", notes); }},
        {"lua", all, true, missing_of_nginx_lua,
         [](scratch const& notes) { return start_nginx("http_lua.conf", notes); }},
        {"node", all, false, unless_there({"node", "redis-server"}), start_node},
    };
}

} // namespace covey::bench
