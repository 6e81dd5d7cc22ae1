// The programs of examples/processes do what they say.
#include "support/catch.hpp"
#include "support/program.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <csignal>
#include <set>
#include <string>

namespace processes_test {

namespace net = boost::asio;
using covey::test::program;
using covey::test::wait_until;

namespace {

// Who serves at the address that the program prints.
std::string served_by(program const& it)
{
    REQUIRE(wait_until([&] { return it.output().ends_with("\n"); }));
    auto const address = it.output();
    auto const port = std::stoi(address.substr(address.rfind(':') + 1));
    net::io_context io;
    net::ip::tcp::socket client{io};
    boost::system::error_code failed;
    client.connect({net::ip::make_address("127.0.0.1"), static_cast<net::ip::port_type>(port)},
                   failed);
    std::string text;
    net::read(client, net::dynamic_buffer(text), failed);
    return text.starts_with("served by ") ? text.substr(10, text.size() - 11) : text;
}

std::set<std::string> until_served_by(program const& it, std::size_t servers)
{
    std::set<std::string> out;
    CHECK(wait_until([&] {
        out.insert(served_by(it));
        return out.size() == servers;
    }));
    return out;
}

} // namespace

TEST_CASE("parent and child serve one socket", "[cluster][examples]")
{
    program it{ONE_SOCKET};
    CHECK(until_served_by(it, 2) == std::set<std::string>{"the child", "the parent"});
    it.signal(SIGTERM);
    CHECK(it.wait_for_end() == 0);
}

TEST_CASE("several children and their parent serve one port", "[cluster][examples]")
{
    program it{MANY_CHILDREN};
    CHECK(until_served_by(it, 4).contains("the parent"));
    it.signal(SIGTERM);
    CHECK(it.wait_for_end() == 0);
}

TEST_CASE("children serve a port that their parent has closed", "[cluster][examples]")
{
    program it{ONLY_CHILDREN};
    CHECK_FALSE(until_served_by(it, 3).contains("the parent"));
    for (int i = 0; i < 30; ++i)
        CHECK(served_by(it).starts_with("child "));
    it.signal(SIGTERM);
    CHECK(it.wait_for_end() == 0);
}

TEST_CASE("the four ways to start a process do what they say", "[cluster][examples]")
{
    program it{FOUR_WAYS};
    CHECK(it.wait_for_end() == 0);
    CHECK(it.output() == "spawn: 4\n30\nexec: 5\nexec_file: $HOME; no shell reads this\n"
                         "fork: hello, says the child\n");
}

} // namespace processes_test
