#include <covey/protocol/accept_loop.hpp>

#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/said.hpp"
#include "support/wait_until.hpp"

#include <arpa/inet.h>
#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <vector>

namespace accept_loop_test {

using namespace covey;
using namespace covey::protocol;

namespace {

// A listener with a loop on it, and clients that wait in its backlog.
struct fixture
{
    fixture()
    {
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(where->get(), generic(), bytes) == 0);
        REQUIRE(::listen(where->get(), 64) == 0);
        REQUIRE(::getsockname(where->get(), generic(), &bytes) == 0);
        loop = std::make_shared<accept_loop>(io.get_executor(), where, "127.0.0.1",
                                             [this](handle made, sockaddr_storage const& by) {
                                                 CHECK(by.ss_family == AF_INET);
                                                 taken.push_back(std::move(made));
                                                 if (taken.size() == pause_at)
                                                     loop->pause();
                                             });
    }

    sockaddr* generic() { return static_cast<sockaddr*>(static_cast<void*>(&address)); }

    void connect(int count)
    {
        for (; count > 0; --count) {
            clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            REQUIRE(::connect(clients.back().get(), generic(), bytes) == 0);
        }
    }

    bool until_taken(std::size_t count)
    {
        return test::run_until(io, [&] { return taken.size() >= count; });
    }

    net::io_context io{1};
    shared_handle where =
        share(handle{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)});
    sockaddr_in address{};
    socklen_t bytes = sizeof address;
    std::vector<handle> clients;
    std::vector<handle> taken;
    std::size_t pause_at = 0;
    std::shared_ptr<accept_loop> loop;
};

// The soft limit of open files, put back at the end.
struct descriptor_limit
{
    explicit descriptor_limit(std::size_t most)
    {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
        auto now = before;
        now.rlim_cur = most;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
    }
    ~descriptor_limit() { lift(); }
    void lift() { ::setrlimit(RLIMIT_NOFILE, &before); }
    rlimit before{};
};

} // namespace

TEST_CASE("an accept loop takes what waits, close-on-exec and non-blocking",
          "[protocol][accept_loop]")
{
    fixture it;
    it.connect(40); // several batches
    it.loop->resume();
    REQUIRE(it.until_taken(40));
    for (auto const& one : it.taken) {
        CHECK(::fcntl(one.get(), F_GETFD) == FD_CLOEXEC);
        CHECK((::fcntl(one.get(), F_GETFL) & O_NONBLOCK) != 0);
    }
}

TEST_CASE("a paused accept loop leaves connections in the backlog", "[protocol][accept_loop]")
{
    fixture it;
    it.pause_at = 3;
    it.connect(10);
    it.loop->resume();
    REQUIRE(it.until_taken(3));
    it.io.run_for(std::chrono::milliseconds{50});
    CHECK(it.taken.size() == 3); // paused in the middle of a batch
    it.loop->resume();
    REQUIRE(it.until_taken(10));
}

TEST_CASE("a sweep takes the backlog and no more", "[protocol][accept_loop]")
{
    fixture it;
    it.connect(5);
    it.loop->sweep(3);
    CHECK(it.taken.size() == 3);
    it.loop->sweep(100);
    CHECK(it.taken.size() == 5);
    it.connect(1);
    it.io.run_for(std::chrono::milliseconds{20});
    CHECK(it.taken.size() == 5);
}

TEST_CASE("an accept loop rests when descriptors run out, and recovers", "[protocol][accept_loop]")
{
    fixture it;
    it.connect(5);
    // Room for two more: the numbers in use have no holes below the newest one.
    handle const newest{::fcntl(it.clients.back().get(), F_DUPFD_CLOEXEC, 0)};
    descriptor_limit limit{static_cast<std::size_t>(newest.get()) + 3};
    it.loop->resume();
    REQUIRE(it.until_taken(2));

    // The socket stays readable; a loop that spun would wake thousands of times here.
    auto const woken = it.loop->wakes();
    auto const handlers = it.io.run_for(std::chrono::milliseconds{450});
    CHECK(it.taken.size() == 2);
    CHECK(handlers <= 10);
    CHECK(it.loop->wakes() - woken <= 5); // once in 100 ms

    limit.lift();
    CHECK(it.until_taken(5));
}

TEST_CASE("an accept loop that has left is not woken by connections, and comes back for them",
          "[protocol][accept_loop]")
{
    fixture it;
    it.loop->resume();
    it.connect(1);
    REQUIRE(it.until_taken(1));
    it.loop->leave();
    it.connect(5);
    auto const handlers = it.io.run_for(std::chrono::milliseconds{50});
    CHECK(handlers <= 1); // the wait that was under way
    CHECK(it.taken.size() == 1);
    it.io.restart();
    it.loop->resume();
    CHECK(it.until_taken(6));
}

TEST_CASE("a connection that was reset while it waited harms nobody", "[protocol][accept_loop]")
{
    fixture it;
    it.connect(3);
    linger const hard{1, 0};
    ::setsockopt(it.clients[1].get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    it.clients[1].reset();
    it.loop->resume();
    CHECK(it.until_taken(2));
}

TEST_CASE("an accept loop on a socket that does not listen any more rests",
          "[protocol][accept_loop]")
{
    fixture it;
    it.loop->resume();
    REQUIRE(::shutdown(it.where->get(), SHUT_RDWR) == 0); // accept: EINVAL, and readable for ever
    auto const log = test::said([&] { it.io.run_for(std::chrono::milliseconds{450}); });
    CHECK(it.loop->wakes() > 0);
    CHECK(it.loop->wakes() <= 6);
    CHECK(log.find("accepting pauses: Invalid argument\n") != std::string::npos);
    CHECK(log.find("accepting pauses") == log.rfind("accepting pauses")); // said once
}

TEST_CASE("an accept loop may be destroyed while it waits", "[protocol][accept_loop]")
{
    fixture it;
    it.loop->resume();
    it.io.poll();
    it.connect(1);
    it.loop.reset();
    it.io.poll();
    CHECK(it.taken.empty());
}

} // namespace accept_loop_test
