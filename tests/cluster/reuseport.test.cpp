// A listening socket for each seat: what waits in one is answered, whoever dies or is scaled away.
#include "cluster.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <exception>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>

namespace reuseport_test {

using namespace covey::test;

namespace {

// `complete` tells whether the handshake was done within half a second: on loopback it is, unless
// the listening socket's queue is full; then the client's kernel tries again a second later.
http_client begin_to_connect(std::uint16_t port, bool& complete)
{
    covey::handle out{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    to.sin_port = ::htons(port);
    auto const* const generic = static_cast<sockaddr const*>(static_cast<void const*>(&to));
    if (::connect(out.get(), generic, sizeof to) != 0)
        REQUIRE(errno == EINPROGRESS);
    pollfd writable{.fd = out.get(), .events = POLLOUT, .revents = 0};
    complete = ::poll(&writable, 1, 500) == 1;
    return http_client{std::move(out)};
}

// As many descriptors as this process may have, but some.
std::size_t clients_max()
{
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 8192)) - 64;
}

} // namespace

TEST_CASE("scaling up and down under load with reuseport fails no request", "[cluster][reuseport]")
{
    cluster it{ECHO, 2, {"--dispatch", "reuseport"}}; // scales up to twice as many
    std::atomic<bool> enough{false};
    std::atomic<int> answered{0};
    std::atomic<int> lost{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 6; ++i)
        clients.emplace_back([&] {
            while (!enough)
                try {
                    it.ask("POST", "/", "hello").body == "hello" ? ++answered : ++lost;
                } catch (std::exception const&) {
                    ++lost; // refused, reset, or never answered
                }
        });
    auto const reaches = [&](std::size_t count) {
        return wait_until([&] { return it.workers().size() == count; });
    };
    auto const scale = [&](int signal, std::size_t from, std::size_t to) {
        for (auto count = from; count != to;) {
            to > from ? ++count : --count;
            it.process.signal(signal);
            CHECK(reaches(count));
            auto const before = answered.load();
            CHECK(wait_until([&] { return answered > before + 100; }));
        }
    };
    scale(SIGTTIN, 2, 4);
    for (int round = 0; round < 3; ++round) {
        scale(SIGTTOU, 4, 1);
        scale(SIGTTIN, 1, 4);
    }
    enough = true;
    for (auto& one : clients)
        one.join();
    CHECK(lost == 0);
    it.process.signal(SIGTERM);
    CHECK(it.process.wait_for_end() == 0);
}

TEST_CASE("scaled up workers get connections of their own from the kernel", "[cluster][reuseport]")
{
    cluster it{ECHO, 1, {"--dispatch", "reuseport"}};
    it.process.signal(SIGTTIN);
    REQUIRE(wait_until([&] { return it.workers().size() == 2; }));
    CHECK(it.one_on_each(2).size() == 2);
    it.process.signal(SIGTTOU);
    REQUIRE(wait_until([&] { return it.workers().size() == 1; }));
    auto const stays = it.workers().front();
    for (int i = 0; i < 32; ++i) {
        auto client = it.connect();
        CHECK(worker_of(ask(client, "GET", "/")) == stays);
    }
}

TEST_CASE("a worker that is killed with a full queue has all of it answered by its replacement",
          "[cluster][reuseport]")
{
    cluster it{ECHO, 1, {"--dispatch", "reuseport"}};
    auto const dead = it.workers().front();
    ::kill(dead, SIGSTOP);
    auto const most = clients_max();
    std::vector<http_client> clients;
    bool complete = true;
    while (complete && clients.size() < most)
        clients.push_back(begin_to_connect(it.port, complete));
    CHECK(clients.size() > 100); // the kernel's own default is 128
    if (complete)
        WARN("the queue takes more than " << most << " connections: it was not full");
    ::kill(dead, SIGKILL);
    std::size_t answered = 0;
    std::set<pid_t> by;
    for (auto& one : clients) {
        wait_until([&] { return one.send(request_text("POST", "/", "hello")); });
        auto const answer = one.read();
        answered += answer.body == "hello" ? 1 : 0;
        by.insert(worker_of(answer));
    }
    CHECK(answered == clients.size());
    CHECK(by.size() == 1);
    CHECK(by.count(dead) == 0);
}

} // namespace reuseport_test
