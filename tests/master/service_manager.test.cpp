// What systemd is told, and what it hands over: with the real libsystemd and a real socket in
// systemd's place.
#include "support/catch.hpp"
#include "support/notification_socket.hpp"

#include <boost/asio/io_context.hpp>
#include <covey/master/service_manager.hpp>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace service_manager_test {

using namespace covey;
using covey::supervision::service_manager;

namespace {

// In this process's environment while it lives.
struct notified : test::notification_socket
{
    notified() { ::setenv("NOTIFY_SOCKET", address().c_str(), 1); }
    ~notified() { ::unsetenv("NOTIFY_SOCKET"); }
};

// NOTIFY_SOCKET is set, so only a machine without libsystemd sees no service manager.
bool is_missing(service_manager const& manager)
{
    if (!manager.is_there())
        WARN("libsystemd is not installed: not tested");
    return !manager.is_there();
}

// Runs `body` in a child, whose pid the variables can name before it runs.
int in_child(std::function<int()> const& body)
{
    auto const child = ::fork();
    if (child == 0)
        ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// What the service manager does between fork and exec.
void hand_over(std::string const& pid, std::string_view names)
{
    ::setenv("LISTEN_PID", pid.c_str(), 1);
    ::setenv("LISTEN_FDS", "2", 1);
    ::setenv("LISTEN_FDNAMES", std::string{names}.c_str(), 1);
}

bool variables_are_gone()
{
    return std::getenv("LISTEN_PID") == nullptr && std::getenv("LISTEN_FDS") == nullptr &&
           std::getenv("LISTEN_FDNAMES") == nullptr;
}

} // namespace

TEST_CASE("the service manager is told ready, reloading, ready and stopping", "[master][systemd]")
{
    notified systemd;
    boost::asio::io_context loop;
    service_manager manager{loop.get_executor()};
    if (is_missing(manager))
        return;
    CHECK(std::getenv("NOTIFY_SOCKET") == nullptr); // no worker speaks for the master

    manager.ready("2 workers are ready");
    manager.reloading();
    manager.ready("2 workers are ready, generation 1");
    manager.status("1 of 2 workers is ready");
    manager.stopping();
    auto const heard = systemd.heard();
    REQUIRE(heard.size() == 5);
    CHECK(heard[0] == "READY=1\nSTATUS=2 workers are ready");
    CHECK(heard[1].starts_with("RELOADING=1\nMONOTONIC_USEC="));
    CHECK(heard[2] == "READY=1\nSTATUS=2 workers are ready, generation 1");
    CHECK(heard[3] == "STATUS=1 of 2 workers is ready");
    CHECK(heard[4].starts_with("STOPPING=1\n"));
    CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
}

TEST_CASE("the service manager's watchdog is fed by the loop and by nothing else",
          "[master][systemd]")
{
    notified systemd;
    ::setenv("WATCHDOG_USEC", "20000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    boost::asio::io_context loop;
    service_manager manager{loop.get_executor()};
    if (is_missing(manager))
        return;
    CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
    manager.feed();
    CHECK(systemd.heard() == std::vector<std::string>{"WATCHDOG=1"});
    ::usleep(40'000); // a loop that does not turn feeds nobody
    CHECK(systemd.heard().empty());
    loop.run_one();
    loop.run_one();
    CHECK(systemd.heard() == std::vector<std::string>(2, "WATCHDOG=1"));
}

TEST_CASE("a watchdog that is another process's is not fed", "[master][systemd]")
{
    notified systemd;
    ::setenv("WATCHDOG_USEC", "20000", 1);
    ::setenv("WATCHDOG_PID", "1", 1);
    boost::asio::io_context loop;
    service_manager manager{loop.get_executor()};
    manager.feed();
    CHECK(systemd.heard().empty());
}

TEST_CASE("without a service manager nothing is told", "[master][systemd]")
{
    ::unsetenv("NOTIFY_SOCKET");
    boost::asio::io_context loop;
    service_manager manager{loop.get_executor()};
    CHECK_FALSE(manager.is_there());
    manager.ready("");
    manager.feed();
    CHECK(loop.poll() == 0);
}

TEST_CASE("inherited sockets are taken by their names, by the process they are for",
          "[master][systemd]")
{
    {
        boost::asio::io_context loop;
        notified systemd;
        if (is_missing(service_manager{loop.get_executor()}))
            return;
    }
    auto const code = in_child([] {
        ::dup2(::open("/dev/null", O_RDONLY), 3);
        ::dup2(::open("/dev/zero", O_RDONLY), 4);
        hand_over(std::to_string(::getpid()), "web:admin");
        auto const taken = supervision::take_inherited_sockets();
        bool const right = taken.size() == 2 && taken.find("web")->second.get() == 3 &&
                           taken.find("admin")->second.get() == 4 &&
                           (::fcntl(3, F_GETFD) & FD_CLOEXEC) != 0;
        return right && variables_are_gone() ? 0 : 1;
    });
    CHECK(code == 0);

    auto const other = in_child([] {
        ::dup2(::open("/dev/null", O_RDONLY), 3);
        ::dup2(::open("/dev/null", O_RDONLY), 4);
        hand_over("1", "web:admin");
        auto const taken = supervision::take_inherited_sockets();
        return taken.empty() && variables_are_gone() && ::fcntl(3, F_GETFD) != -1 ? 0 : 1;
    });
    CHECK(other == 0);
}

} // namespace service_manager_test
