// The master's eye on sockets that all workers share, with real sockets and the real turn; workers
// are participants that accept when the test says so.
#include "support/catch.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <arpa/inet.h>
#include <boost/asio/io_context.hpp>
#include <covey/master/door_watch.hpp>
#include <covey/shm/counter.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

namespace door_watch_test {

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;
using supervision::door_watch;

namespace {

struct hits : covey::state
{
    covey::counter all{*this, "all"};
};

sockaddr* generic(sockaddr_in& address)
{
    return static_cast<sockaddr*>(static_cast<void*>(&address));
}

struct watched
{
    watched()
    {
        socklen_t bytes = sizeof address;
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::bind(socket->get(), generic(address), bytes) == 0);
        REQUIRE(::listen(socket->get(), 128) == 0);
        REQUIRE(::getsockname(socket->get(), generic(address), &bytes) == 0);
        for (std::uint32_t block = 0; block != 2; ++block) {
            workers.push_back(where.join(block));
            workers.back()->who.set_load({});
            turns.push_back(std::make_unique<accept_turn>(workers.back()->who));
        }
        watch->start();
    }

    void connect()
    {
        clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        REQUIRE(::connect(clients.back().get(), generic(address), sizeof address) == 0);
    }
    void accept_all() const
    {
        while (handle{::accept4(socket->get(), nullptr, nullptr, SOCK_CLOEXEC)}.is_open()) {
        }
    }

    shared_handle socket =
        std::make_shared<handle>(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    std::vector<handle> clients;
    test_segment<hits> where{2};
    std::vector<std::unique_ptr<member<hits>>> workers;
    std::vector<std::unique_ptr<accept_turn>> turns;
    boost::asio::io_context loop{1};
    std::shared_ptr<door_watch> watch = std::make_shared<door_watch>(
        loop.get_executor(), std::vector{socket},
        turn_watch{where.memory.memory(),
                   std::shared_ptr<doorbells const>{&where.bells, [](auto const*) {}}});
};

// Longer than it looks on when nobody comes.
constexpr auto silence = door_watch::look_every * (door_watch::quiet_looks + 5);

} // namespace

TEST_CASE("the master sleeps while nobody comes to a shared door", "[master][turns]")
{
    watched it;
    CHECK(it.loop.run_for(door_watch::look_every * 3) == 0);
    it.connect();
    CHECK(it.loop.run_for(door_watch::look_every * 3) > 0);
    it.accept_all();
    it.loop.run_for(silence);
    CHECK(it.loop.run_for(door_watch::look_every * 3) == 0);
    it.connect(); // and wakes again
    CHECK(it.loop.run_for(door_watch::look_every * 3) > 0);
}

TEST_CASE("while connections wait, a worker that stands with the turn loses it", "[master][turns]")
{
    watched it;
    REQUIRE(it.turns[0]->is_ours()); // this shows that it moves
    it.connect();
    CHECK(run_until(it.loop, [&] { return it.turns[1]->is_ours(); }));
}

TEST_CASE("a worker that accepts what comes keeps the turn", "[master][turns]")
{
    watched it;
    REQUIRE(it.turns[0]->is_ours());
    for (int i = 0; i != 5; ++i) {
        it.connect();
        it.loop.run_for(door_watch::look_every / 2);
        it.accept_all();
        it.loop.run_for(door_watch::look_every * 2);
    }
    CHECK(it.turns[0]->is_ours());
}

TEST_CASE("a watch that is stopped has let go of the sockets", "[master][turns]")
{
    watched it;
    it.connect();
    it.loop.run_for(door_watch::look_every * 2); // looking, or asleep
    it.watch->stop();
    it.loop.run_for(silence);
    CHECK(it.socket.use_count() == 1);
    CHECK(it.loop.stopped());
}

} // namespace door_watch_test
