#include <covey/master/listener.hpp>

#include "support/catch.hpp"
#include "support/descriptor_count.hpp"

#include <arpa/inet.h>
#include <boost/system/system_error.hpp>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <numeric>
#include <set>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace listener_test {

using namespace covey;
using namespace covey::supervision;

namespace {

// The line a listener fails with; empty when it does not.
std::string failure_of(std::string const& address, std::uint32_t seats = 0)
{
    try {
        listener const tried{address, seats};
        return {};
    } catch (boost::system::system_error const& failed) {
        return failed.what();
    }
}

handle connect_to(listener const& where)
{
    auto const& text = where.address();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    to.sin_port = ::htons(static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1))));
    handle out{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    auto const* const generic = static_cast<sockaddr const*>(static_cast<void const*>(&to));
    REQUIRE(::connect(out.get(), generic, sizeof to) == 0);
    return out;
}

// A directory of this test's own, gone with it.
struct own_directory
{
    own_directory()
    {
        char name[] = "/tmp/covey-listener-XXXXXX";
        path = ::mkdtemp(name);
    }
    ~own_directory() { std::filesystem::remove_all(path); }
    std::string path;
};

} // namespace

TEST_CASE("a listener on port 0 tells the port it got", "[master][listener]")
{
    listener const v4{"127.0.0.1:0"};
    CHECK(v4.address().starts_with("127.0.0.1:"));
    CHECK(v4.address() != "127.0.0.1:0");
    connect_to(v4);
    CHECK(::fcntl(v4.socket_for(0)->get(), F_GETFD) == FD_CLOEXEC);
    CHECK((::fcntl(v4.socket_for(0)->get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK(v4.socket_for(0) == v4.socket_for(5)); // one socket, whoever asks
}

TEST_CASE("a connection has TCP_NODELAY from its listener", "[master][listener]")
{
    listener const made{"127.0.0.1:0"};
    auto const client = connect_to(made);
    handle const accepted{::accept4(made.socket_for(0)->get(), nullptr, nullptr, SOCK_CLOEXEC)};
    int set = 0;
    socklen_t size = sizeof set;
    REQUIRE(::getsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &set, &size) == 0);
    CHECK(set != 0);
}

TEST_CASE("a listener takes a host name and an IPv6 address", "[master][listener]")
{
    CHECK(listener{"localhost:0"}.address().find("localhost") == std::string::npos);
    if (std::filesystem::exists("/proc/net/if_inet6") &&
        failure_of("[::1]:0").find("choose an address") == std::string::npos)
        CHECK(listener{"[::1]:0"}.address().starts_with("[::1]:"));
}

TEST_CASE("a listener says in one line what is wrong and what to do", "[master][listener]")
{
    listener const first{"127.0.0.1:0"};
    CHECK(failure_of(first.address()) ==
          "listen on " + first.address() +
              ": Address already in use; stop the program that has it or choose another --listen");
    CHECK(failure_of("192.0.2.1:0") == "listen on 192.0.2.1:0: Cannot assign requested address; "
                                       "choose an address that this machine has");
    CHECK(failure_of("no-such-host.invalid:80").starts_with("listen on no-such-host.invalid:80: "));
    if (::geteuid() != 0 && !std::ifstream{"/proc/sys/net/ipv4/ip_unprivileged_port_start"}.fail())
        CHECK(failure_of("127.0.0.1:1") == "listen on 127.0.0.1:1: Permission denied; use a port "
                                           "above 1023 or run with CAP_NET_BIND_SERVICE");
}

TEST_CASE("a listener that fails leaves no descriptor behind", "[master][listener]")
{
    listener const first{"127.0.0.1:0"};
    auto const before = test::descriptor_count();
    CHECK(failure_of(first.address()) != "");
    CHECK(failure_of(first.address(), 4) != "");
    CHECK(failure_of("unix:/no/such/directory/x.sock") != "");
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("a reuseport listener has a socket for every seat, all on one port", "[master][listener]")
{
    listener const group{"127.0.0.1:0", 4};
    std::set<int> descriptors;
    for (std::uint32_t seat = 0; seat < 4; ++seat)
        descriptors.insert(group.socket_for(seat)->get());
    CHECK(descriptors.size() == 4);

    // The kernel spreads by a hash of the addresses: 64 clients reach more than one socket.
    std::vector<handle> clients;
    for (int i = 0; i < 64; ++i)
        clients.push_back(connect_to(group));
    int reached = 0;
    int accepted = 0;
    for (std::uint32_t seat = 0; seat < 4; ++seat) {
        int here = 0;
        for (;; ++here)
            if (!handle{::accept4(group.socket_for(seat)->get(), nullptr, nullptr, SOCK_CLOEXEC)}
                     .is_open())
                break;
        accepted += here;
        reached += here > 0 ? 1 : 0;
    }
    CHECK(accepted == 64);
    CHECK(reached > 1);
}

TEST_CASE("a port that has a reuseport group is in use for every other listener",
          "[master][listener]")
{
    listener const group{"127.0.0.1:0", 2};
    CHECK(failure_of(group.address()).find("Address already in use") != std::string::npos);
    CHECK(failure_of(group.address(), 2).find("Address already in use") != std::string::npos);
}

namespace {

// How many connections wait at each socket of a group; they are taken.
std::vector<int> waiting_at(listener const& group)
{
    std::vector<int> out;
    for (auto const& socket : group.sockets()) {
        out.push_back(0);
        while (handle{::accept4(socket->get(), nullptr, nullptr, SOCK_CLOEXEC)}.is_open())
            ++out.back();
    }
    return out;
}

} // namespace

TEST_CASE("the kernel chooses the attended sockets of a group and no other", "[master][listener]")
{
    listener group{"127.0.0.1:0", 5};
    for (auto const& attended : std::vector<std::vector<bool>>{{true, false, false, false, false},
                                                               {false, false, false, false, true},
                                                               {false, true, false, true, false},
                                                               {true, true, false, false, true},
                                                               {true, true, true, true, true}}) {
        group.steer(attended);
        std::vector<handle> clients;
        for (int i = 0; i < 160; ++i)
            clients.push_back(connect_to(group));
        auto const waiting = waiting_at(group);
        CHECK(std::accumulate(waiting.begin(), waiting.end(), 0) == 160);
        for (std::size_t at = 0; at < waiting.size(); ++at)
            CHECK((waiting[at] > 0) == attended[at]); // of 160, none on one of five is no draw
    }

    group.steer(std::vector<bool>(5)); // nobody: it stays as it is
    handle const one = connect_to(group);
    auto const waiting = waiting_at(group);
    CHECK(std::accumulate(waiting.begin(), waiting.end(), 0) == 1);
}

TEST_CASE("a group grows by sockets that are attended like the others", "[master][listener]")
{
    auto const first = GENERATE(1U, 3U);
    listener group{"127.0.0.1:0", first};
    group.grow(first); // has them already
    CHECK(group.sockets().size() == first);
    group.steer(std::vector<bool>(first, true));
    group.grow(5);
    REQUIRE(group.sockets().size() == 5);
    group.steer({false, false, false, false, true});
    std::vector<handle> clients;
    for (int i = 0; i < 16; ++i)
        clients.push_back(connect_to(group));
    CHECK(waiting_at(group) == std::vector{0, 0, 0, 0, 16});
    CHECK(group.socket_for(7) == group.socket_for(2));
}

TEST_CASE("a handshake that has begun stays with its socket, whatever is steered meanwhile",
          "[master][listener]")
{
    listener group{"127.0.0.1:0", 2};
    for (auto const& socket : group.sockets()) { // not complete before the client's first byte
        int const seconds = 30;
        REQUIRE(::setsockopt(socket->get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds,
                             sizeof seconds) == 0);
    }
    group.steer({false, true});
    handle const client = connect_to(group);
    group.steer({true, false});
    group.grow(3);
    group.steer({true, false, true});
    REQUIRE(::send(client.get(), "x", 1, MSG_NOSIGNAL) == 1);
    handle const taken{::accept4(group.sockets()[1]->get(), nullptr, nullptr, SOCK_CLOEXEC)};
    REQUIRE(taken.is_open());
    char byte = 0;
    CHECK(::recv(taken.get(), &byte, 1, 0) == 1);
}

TEST_CASE("a unix listener makes its file and removes it", "[master][listener]")
{
    own_directory const directory;
    auto const path = directory.path + "/x.sock";
    {
        listener const unix_one{"unix:" + path, 4};
        CHECK(unix_one.address() == "unix:" + path);
        CHECK(std::filesystem::is_socket(path));
        CHECK(unix_one.socket_for(0) == unix_one.socket_for(3));
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a unix listener removes only a socket file that nobody answers on", "[master][listener]")
{
    own_directory const directory;
    auto const path = directory.path + "/x.sock";

    SECTION("one that a killed process left")
    {
        handle const dead{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(static_cast<void*>(at.sun_path), path.data(), path.size());
        REQUIRE(::bind(dead.get(), static_cast<sockaddr*>(static_cast<void*>(&at)), sizeof at) ==
                0);
        CHECK(failure_of("unix:" + path) == "");
    }
    SECTION("not one somebody answers on")
    {
        listener const first{"unix:" + path};
        CHECK(failure_of("unix:" + path) ==
              "listen on unix:" + path + ": Address already in use by process " +
                  std::to_string(::getpid()) +
                  "; stop the program that has it or choose another --listen");
        CHECK(std::filesystem::is_socket(path));
    }
    SECTION("not a file of another kind")
    {
        std::ofstream{path} << "precious";
        CHECK(failure_of("unix:" + path) ==
              "listen on unix:" + path +
                  ": a file that is no socket is there; remove it or choose another path");
        CHECK(std::filesystem::is_regular_file(path));
    }
    SECTION("not one that took its place")
    {
        {
            listener const first{"unix:" + path};
            std::filesystem::rename(path, path + ".old");
            std::ofstream{path} << "another";
        }
        CHECK(std::filesystem::exists(path));
    }
}

TEST_CASE("a unix path has at most 107 bytes", "[master][listener]")
{
    own_directory const directory;
    auto const longest = directory.path + "/" + std::string(106 - directory.path.size(), 'p');
    REQUIRE(longest.size() == 107);
    CHECK(failure_of("unix:" + longest) == "");
    auto const wrong = failure_of("unix:" + longest + "p");
    CHECK(wrong.find("the path has 108 bytes and may have 107; choose a shorter one") !=
          std::string::npos);
}

TEST_CASE("a unix socket's mode is what the master's umask leaves", "[master][listener]")
{
    own_directory const directory;
    auto const path = directory.path + "/x.sock";
    struct row
    {
        ::mode_t mask;
        std::filesystem::perms mode;
    };
    using std::filesystem::perms;
    for (auto const& [mask, mode] :
         {row{0077, perms::owner_all}, row{0007, perms::owner_all | perms::group_all},
          row{0, perms::owner_all | perms::group_all | perms::others_all}}) {
        auto const before = ::umask(mask);
        listener const made{"unix:" + path};
        ::umask(before);
        CHECK(std::filesystem::status(path).permissions() == mode);
    }
}

TEST_CASE("all of IPv6 and all of IPv4 are two addresses that share a port", "[master][listener]")
{
    auto const wrong = failure_of("[::]:0");
    if (!wrong.empty()) {
        WARN("no IPv6 here: " << wrong);
        return;
    }
    auto const port = [](listener const& of) {
        return of.address().substr(of.address().rfind(':') + 1);
    };
    for (std::uint32_t sockets : {1U, 2U}) {
        listener const six{"[::]:0", sockets};
        listener const four{"0.0.0.0:" + port(six), sockets};
        auto const client = connect_to(four); // over 127.0.0.1
        auto const accepted_by = [&](listener const& of) {
            for (auto const& each : of.sockets())
                if (handle{::accept4(each->get(), nullptr, nullptr, SOCK_CLOEXEC)}.is_open())
                    return true;
            return false;
        };
        CHECK(accepted_by(four));
        CHECK_FALSE(accepted_by(six));
        CHECK(failure_of("[::]:" + port(six)).find("Address already in use") != std::string::npos);
    }
}

TEST_CASE("an address is free again as soon as its listener is gone", "[master][listener]")
{
    for (std::uint32_t sockets : {1U, 2U}) {
        std::string address;
        {
            listener const first{"127.0.0.1:0", sockets};
            address = first.address();
            auto const client = connect_to(first); // its end waits in TIME_WAIT or is reset
            CHECK(failure_of(address, sockets).find("already in use") != std::string::npos);
        }
        CHECK(failure_of(address, sockets) == "");
    }
}

TEST_CASE("a seat without a socket of its own shares a sibling's", "[master][listener]")
{
    auto const before = test::descriptor_count();
    listener group{"127.0.0.1:0", 2};
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlimit full = limit;
    full.rlim_cur = static_cast<rlim_t>(group.sockets().back()->get()) + 1;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &full) == 0); // whatever is free is below: fill it
    std::vector<handle> fillers;
    while (fillers.emplace_back(::dup(0)).is_open()) {
    }
    group.grow(4);
    fillers.clear();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);

    CHECK(group.sockets().size() == 2);
    CHECK(group.socket_for(2) == group.socket_for(0));
    CHECK(group.socket_for(3) == group.socket_for(1));
    group.grow(4); // who shares goes on sharing
    CHECK(group.sockets().size() == 2);
    CHECK(test::descriptor_count() == before + 2);
}

} // namespace listener_test
