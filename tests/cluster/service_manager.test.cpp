// A whole cluster under a service manager: with the real libsystemd in it, and a socket of the
// test's own where systemd listens.
#include "cluster.hpp"
#include "support/notification_socket.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace service_manager_test {

using namespace covey::test;

namespace {

// Whether `text` begins something that is told, next or later; what is told before is passed over.
bool hears(notification_socket const& systemd, std::string_view text)
{
    return wait_until([&] {
        auto const told = systemd.next();
        return told && told->starts_with(text);
    });
}

// A listening socket as a service manager makes it, on a port of its own choice.
std::pair<covey::handle, std::uint16_t> listening_socket()
{
    covey::handle made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&address));
    REQUIRE(::bind(made.get(), generic, bytes) == 0);
    REQUIRE(::listen(made.get(), 16) == 0);
    REQUIRE(::getsockname(made.get(), generic, &bytes) == 0);
    return {std::move(made), ntohs(address.sin_port)};
}

} // namespace

TEST_CASE("a service manager is told ready, reloads and the stop", "[cluster][systemd]")
{
    notification_socket systemd;
    cluster it{HELLO, 2, {}, {"NOTIFY_SOCKET=" + systemd.address()}};
    CHECK(hears(systemd, "READY=1\nSTATUS=2 of 2 workers ready, generation 0"));
    it.process.signal(SIGHUP);
    CHECK(hears(systemd, "RELOADING=1\nMONOTONIC_USEC="));
    CHECK(hears(systemd, "READY=1\nSTATUS=2 of 2 workers ready, generation 1"));
    it.process.signal(SIGTERM);
    CHECK(hears(systemd, "STOPPING=1"));
    CHECK(it.process.wait_for_end() == 0);
}

TEST_CASE("a cluster serves on a socket that the service manager hands over", "[cluster][systemd]")
{
    auto const [socket, port] = listening_socket();
    // What a service manager does: descriptor 3 on, and variables that name the process itself.
    auto const start = "exec 3<&" + std::to_string(socket.get()) +
                       "; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec " HELLO
                       " --listen systemd:web --workers 2";
    ::fcntl(socket.get(), F_SETFD, 0); // the shell is to have it
    program it{"/bin/sh", {"-c", start}};
    ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC);
    auto const address = "127.0.0.1:" + std::to_string(port);
    REQUIRE(wait_until([&] { return !it.output().empty() || !it.is_running(); }));
    CHECK(it.output().find("ready on " + address) != std::string::npos);
    auto client = http_client::to_port(port);
    CHECK(ask(client, "GET", "/").status == 200);
    it.signal(SIGTERM);
    CHECK(it.wait_for_end() == 0);
}

TEST_CASE("a socket that nobody has handed over ends the start with one line", "[cluster][systemd]")
{
    program it{HELLO, {"--listen", "systemd:web", "--workers", "1"}};
    CHECK(it.wait_for_end() == 1);
    CHECK(it.errors() ==
          "covey: listen on systemd:web: the service manager has handed over no "
          "socket of that name; write FileDescriptorName=web into its socket unit\n");
}

} // namespace service_manager_test
