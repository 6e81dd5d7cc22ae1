#include "cluster.hpp"

#include "command_line.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <covey/master/master.hpp>
#include <covey/master/orphans.hpp>
#include <covey/protocol/channel_environment.hpp>
#include <covey/protocol/log.hpp>
#include <covey/protocol/version.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <iostream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace covey {

namespace {

// Read before anybody can take it out of the environment.
bool const started_by_a_master = std::getenv(protocol::channel_variable) != nullptr;

} // namespace

bool is_worker()
{
    return started_by_a_master;
}

} // namespace covey

namespace covey::detail {

namespace {

constexpr int exit_failed = 1;
constexpr int exit_wrong_words = 2;

// A program started with one of its standard descriptors closed would get its next descriptor, be
// it the state's memory, under that number, and the next line printed would be written into it.
// These three stay open across execve: they are the worker's standard descriptors too.
void open_standard_descriptors()
{
    for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(number, F_GETFD) == -1 && errno == EBADF)
            ::open("/dev/null", O_RDWR); // the lowest free number, which is this one
}

// A reader that has gone is not this program's business: the failure stays in the stream.
void say(std::ostream& out, std::string_view text)
{
    out << text << std::endl;
}

int refuse(int code, std::string_view why)
{
    say(std::cerr, fmt::format("covey: {}", why.substr(0, why.find('\n'))));
    return code;
}

std::string ready_line(master const& cluster)
{
    return fmt::format("covey: ready on {} (workers {}, pid {})",
                       fmt::join(cluster.addresses(), ", ready on "), cluster.status().size(),
                       ::getpid());
}

int run_master(options const& settings, schema const& described, std::vector<std::string> words,
               std::function<void(master&)> const& set_up_master)
{
    log::level least{};
    log::format form{};
    log::parse(settings.log_level, least);
    log::parse(settings.log_format, form);
    log::configure("master", least, form);

    net::io_context loop{1};
    master cluster{loop.get_executor(), settings, described, {.arguments = std::move(words)}};
    cluster.take_signals();
    cluster.take_service_manager();
    cluster.open_control();
    if (supervision::inherits_orphans())
        cluster.take_orphans();
    set_up_master(cluster);
    cluster.on_ready([&](auto const&) { say(std::cout, ready_line(cluster)); });

    int code = exit_failed;
    net::co_spawn(loop, cluster.run(), [&](std::exception_ptr thrown, int result) {
        if (thrown)
            std::rethrow_exception(thrown);
        code = result;
    });
    loop.run();
    return cluster.failure().empty() ? code : refuse(code, cluster.failure());
}

} // namespace

int run(int argc, char const* const* argv, options&& defaults,
        std::function<state&()> const& make_view, std::function<void(runtime&)> set_up,
        std::function<void(master&)> const& set_up_master)
{
    open_standard_descriptors();
    auto channel = protocol::channel_from_environment();
    bool const is_worker = channel.is_open();
    try {
        auto const line = parse_command_line(argc, argv, std::move(defaults));
        if (line.means == command_line::meaning::told)
            return say(std::cout, line.text), 0;
        if (line.means == command_line::meaning::wrong)
            return refuse(is_worker ? protocol::worker_exit::fatal : exit_wrong_words, line.text);
        auto& view = make_view();
        if (is_worker) {
            runtime here{std::move(channel), view, std::move(set_up)};
            here.log_access(line.settings.access_log);
            return here.run();
        }
        return run_master(line.settings, view.described(), {argv, argv + argc}, set_up_master);
    } catch (std::exception const& failed) {
        return refuse(is_worker ? protocol::worker_exit::fatal : exit_failed, failed.what());
    }
}

} // namespace covey::detail
