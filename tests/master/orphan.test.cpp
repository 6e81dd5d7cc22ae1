// What is left of a cluster whose master was killed: nothing.
#include "support/catch.hpp"
#include "support/injection.hpp"
#include "support/program.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <covey/protocol/handle.hpp>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace orphan_test {

namespace {

// A plain_master in a process of its own; killed at the end.
struct other_master
{
    explicit other_master(std::string word)
    {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        covey::handle const from{ends[0]};
        covey::handle to{ends[1]};
        std::string program = PLAIN_MASTER;
        char* arguments[] = {program.data(), word.empty() ? nullptr : word.data(), nullptr};
        pid = ::fork();
        if (pid == 0) {
            ::dup2(to.get(), 1);
            ::execv(PLAIN_MASTER, arguments);
            ::_exit(127);
        }
        to.reset();
        std::string line;
        for (char byte = 0; ::read(from.get(), &byte, 1) == 1 && byte != '\n';)
            line += byte;
        std::istringstream words{line};
        workers.resize(3);
        words >> workers[0] >> workers[1] >> workers[2] >> address;
    }

    void kill()
    {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        pid = 0;
    }

    ~other_master()
    {
        if (pid > 0)
            kill();
    }

    pid_t pid = 0;
    std::vector<pid_t> workers;
    std::string address;
};

} // namespace

TEST_CASE("a master that is killed leaves no worker, and its port is free",
          "[master][orphan][cluster]")
{
    std::string word;
    bool stopped = false;
    SECTION("when they are idle")
    {}
    SECTION("when they loop")
    {
        word = "spin";
    }
    SECTION("when they are stopped")
    {
        stopped = true;
    }
    SECTION("when they ignore the order to stop")
    {
        word = "ignore-stop";
    }

    other_master it{word};
    REQUIRE(it.workers.back() > 0);
    if (stopped)
        for (auto const pid : it.workers)
            ::kill(pid, SIGSTOP);
    it.kill();
    for (auto const pid : it.workers)
        CHECK(covey::test::wait_until([&] { return covey::test::is_gone(pid); }));

    namespace net = boost::asio;
    net::io_context io;
    auto const port = std::stoi(it.address.substr(it.address.rfind(':') + 1));
    net::ip::tcp::socket client{io};
    boost::system::error_code failed;
    client.connect({net::ip::make_address("127.0.0.1"), static_cast<net::ip::port_type>(port)},
                   failed);
    CHECK(failed == net::error::connection_refused);
}

TEST_CASE("a process whose parent died before it could ask to die with it is not executed",
          "[master][orphan][cluster]")
{
    using namespace covey::test;
    if (!injected::is_possible()) {
        WARN("strace may not trace here: not tested");
        return;
    }
    // Between its fork and that prctl the child waits for a second, in which the parent dies.
    injected it{"prctl", "delay_enter=1000000", PLAIN_CHILD, {"sleeper"}};
    pid_t parent = 0;
    std::vector<pid_t> child;
    REQUIRE(wait_until([&] {
        parent = it.traced();
        return parent != 0 && !(child = children_of(parent)).empty();
    }));
    ::kill(parent, SIGKILL);
    REQUIRE(wait_until([&] { return is_gone(parent); }));
    std::string name;
    std::ifstream{"/proc/" + std::to_string(child.front()) + "/comm"} >> name;
    REQUIRE(name == "plain_child"); // and not yet "sleep", which would sleep for long
    bool const gone = wait_until([&] { return is_gone(child.front()); });
    CHECK(gone);
    if (!gone)
        ::kill(child.front(), SIGKILL);
}

} // namespace orphan_test
