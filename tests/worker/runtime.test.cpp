// The worker's side of the conversation, in a process of its own; the test plays the master.
#include "played_master.hpp"

#include <arpa/inet.h>
#include <covey/protocol/channel_environment.hpp>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/socket.h>

namespace runtime_test {

namespace http = covey::http;
namespace protocol = covey::protocol;
using covey::test::board;
using covey::test::get;
using covey::test::http_client;
using covey::test::played_master;
using covey::test::set_up;
using namespace std::chrono_literals;

namespace {

struct other_board : covey::state
{
    covey::counter guests{*this, "guests"};
};

} // namespace

TEST_CASE("a worker introduces itself, attaches, and serves what it is passed", "[worker][runtime]")
{
    played_master<> master{set_up};
    master.start();

    auto client = master.pass(41);
    CHECK(master.expect<protocol::accepted>().ticket == 41);
    client.send(get("/visit"));
    CHECK(client.read().body == "1");
    client.send(get("/visit"));
    CHECK(client.read().body == "2");
    CHECK(covey::test::wait_until([&] { return master.memory().load_of(1).requests == 2; }));
    CHECK(master.memory().load_of(1).connections == 1);
    client.close();
    CHECK(covey::test::wait_until([&] { return master.memory().load_of(1).connections == 0; }));
}

TEST_CASE("a worker accepts a connection before it reads from it", "[worker][runtime]")
{
    played_master<> master{set_up};
    master.start();
    // The client speaks first and at once: its bytes are in the socket when the socket is passed.
    auto [theirs, client] = http_client::tcp_pair();
    ::fcntl(theirs.get(), F_SETFL, O_NONBLOCK);
    client.send(get("/visit"));
    master.send(protocol::connection{.ticket = 1, .listener = 0},
                played_master<>::one(std::move(theirs)));
    CHECK(client.read().body == "1"); // so it was read ...
    master.run_loop();
    CHECK(master.expect<protocol::accepted>().ticket == 1); // ... and this had been sent by then
}

TEST_CASE("connections that come together are accepted as one and all served", "[worker][runtime]")
{
    played_master<> master{set_up};
    master.start();
    std::vector<covey::shared_handle> passed;
    std::vector<http_client> clients;
    for (int i = 0; i != 3; ++i) {
        auto [theirs, client] = http_client::tcp_pair();
        client.send(get("/visit"));
        passed.push_back(covey::share(std::move(theirs)));
        clients.push_back(std::move(client));
    }
    master.send(protocol::connection{.ticket = 7, .listener = 0}, passed);
    CHECK(master.expect<protocol::accepted>().ticket == 9);
    CHECK(clients[0].read().body == "1");
    CHECK(clients[1].read().body == "2");
    CHECK(clients[2].read().body == "3");

    master.send(protocol::stop{.deadline_ms = 30'000});
    master.send(protocol::connection{.ticket = 10, .listener = 0}, passed);
    for (std::uint64_t ticket = 10; ticket != 13; ++ticket)
        CHECK(master.expect<protocol::rejected>().ticket == ticket);
    passed.clear();
    clients.clear();
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

TEST_CASE("a worker refuses another schema and prints both", "[worker][runtime]")
{
    played_master<other_board> master{[](covey::runtime&, other_board&) {}};
    master.introduce();
    auto const reason = master.expect<protocol::refused>().reason;
    CHECK(reason.find("counter visits") != std::string::npos);
    CHECK(reason.find("counter guests") != std::string::npos);
    CHECK(master.exit_code() == protocol::worker_exit::fatal);
}

TEST_CASE("a worker whose set-up throws says why and leaves", "[worker][runtime]")
{
    played_master<> master{
        [](covey::runtime&, board&) { throw std::runtime_error{"no such file: menu.txt"}; }};
    master.introduce();
    CHECK(master.expect<protocol::refused>().reason == "no such file: menu.txt");
    CHECK(master.exit_code() == protocol::worker_exit::fatal);
}

TEST_CASE("a worker refuses another protocol version", "[worker][runtime]")
{
    played_master<> master{set_up};
    master.introduce(protocol::version + 1);
    CHECK(master.expect<protocol::refused>().reason.find("version") != std::string::npos);
    CHECK(master.exit_code() == protocol::worker_exit::fatal);
}

TEST_CASE("a worker that is told to stop finishes what is in flight", "[worker][runtime][drain]")
{
    played_master<> master{set_up};
    master.start();
    auto busy = master.pass(1);
    master.expect<protocol::accepted>();
    busy.send(get("/slow"));
    REQUIRE(covey::test::wait_until([&] { return master.memory().load_of(1).in_flight == 1; }));

    SECTION("by a message")
    {
        master.send(protocol::stop{.deadline_ms = 30'000});
    }
    SECTION("by SIGTERM, which it tells the master first")
    {
        ::kill(master.pid(), SIGTERM);
        CHECK(master.expect<protocol::suicide>().reason == "SIGTERM");
    }
    SECTION("by both, as when a whole process group is told")
    {
        master.send(protocol::stop{.deadline_ms = 30'000});
        ::kill(master.pid(), SIGTERM);
    }
    SECTION("twice")
    {
        master.send(protocol::stop{.deadline_ms = 30'000});
        master.send(protocol::stop{.deadline_ms = 40'000});
    }
    auto const in = busy.read();
    CHECK(in.body == "slow");
    CHECK(in.header("connection") == "close");
    busy.close();
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

TEST_CASE("a draining worker rejects what it is passed", "[worker][runtime][drain]")
{
    played_master<> master{set_up};
    master.start();
    auto busy = master.pass(1);
    master.expect<protocol::accepted>();
    busy.send(get("/never"));
    REQUIRE(covey::test::wait_until([&] { return master.memory().load_of(1).in_flight == 1; }));
    master.send(protocol::stop{.deadline_ms = 30'000});
    auto late = master.pass(2);
    CHECK(master.expect<protocol::rejected>().ticket == 2);

    // The same open file, not read by the worker: what a sibling would be given.
    master.send(protocol::stop{.deadline_ms = 1});
    CHECK(master.exit_code() == protocol::worker_exit::planned);
    CHECK(busy.read().status == 0);
}

TEST_CASE("a worker stops before it has begun", "[worker][runtime][drain]")
{
    played_master<> master{set_up};
    master.expect<protocol::hello>();
    master.send(protocol::stop{.deadline_ms = 30'000});
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

TEST_CASE("a worker ignores the terminal's SIGINT", "[worker][runtime]")
{
    played_master<> master{set_up};
    master.start();
    ::kill(master.pid(), SIGINT);
    auto client = master.pass(1);
    master.expect<protocol::accepted>();
    client.send(get("/visit"));
    CHECK(client.read().body == "1");
}

TEST_CASE("a worker accepts from a listening socket it is given, until it drains",
          "[worker][runtime][drain]")
{
    covey::handle listening{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ::socklen_t size = sizeof address;
    REQUIRE(::bind(listening.get(), generic, size) == 0);
    REQUIRE(::listen(listening.get(), 16) == 0);
    REQUIRE(::getsockname(listening.get(), generic, &size) == 0);
    auto const connect = [&] {
        covey::handle made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        REQUIRE(::connect(made.get(), generic, size) == 0);
        return http_client{std::move(made)};
    };

    played_master<> master{set_up};
    master.introduce(protocol::version, listening.duplicate());
    CHECK(master.expect<protocol::listening>().index == 0);
    master.expect<protocol::ready>();
    std::vector<http_client> clients;
    for (int i = 1; i <= 3; ++i) {
        clients.push_back(connect());
        clients.back().send(get("/visit"));
        CHECK(clients.back().read().body == std::to_string(i));
    }
    clients.front().send(get("/never"));
    REQUIRE(covey::test::wait_until([&] { return master.memory().load_of(1).in_flight == 1; }));
    master.send(protocol::stop{.deadline_ms = 30'000});
    auto rejected = master.pass(9);
    master.expect<protocol::watch_changes>();
    CHECK(master.expect<protocol::rejected>().ticket == 9); // so it drains
    auto late = connect();
    // Still in the queue: a sibling, or the test, gets it.
    covey::handle taken{::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    CHECK(taken.is_open());
}

TEST_CASE("a change wakes a worker, and relayed ones come and go", "[worker][runtime]")
{
    played_master<> master{set_up};
    master.busy_poll_us = GENERATE(0, 2'000, 60'000'000); // asleep, between, never asleep
    master.start();
    std::vector<covey::handle> bells;
    for (auto const& bell : master.bells().handles())
        bells.push_back(bell.duplicate());
    covey::participant me{master.memory(), 0, covey::doorbells{std::move(bells)}};
    board mine;
    mine.bind(me);

    mine.scores.put("ann", 1);
    auto const first = master.expect<protocol::change>();
    CHECK(first.revision > 0);
    mine.scores.put("ann", 2);
    CHECK(master.expect<protocol::change>().revision > first.revision);

    master.send(
        protocol::change{.field = 3, .kind = 2, .revision = 100, .key = {1}, .row = {2, 3}});
    auto const back = master.expect<protocol::change>();
    CHECK(back.field == 3);
    CHECK(back.revision == 101);
    CHECK(back.row == std::vector<unsigned char>{2, 3});
}

TEST_CASE("the channel is taken out of the environment", "[worker][runtime]")
{
    CHECK_FALSE(protocol::channel_from_environment().is_open());
    auto [mine, theirs] = protocol::make_socket_pair();
    ::fcntl(theirs.get(), F_SETFD, 0);
    ::setenv("COVEY_CHANNEL_FD", std::to_string(theirs.get()).c_str(), 1);
    auto const taken = protocol::channel_from_environment();
    CHECK(taken.get() == theirs.release());
    CHECK(::fcntl(taken.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(std::getenv("COVEY_CHANNEL_FD") == nullptr);

    for (auto const* wrong : {"", "x", "-1", "1x", "99999", "0"}) {
        ::setenv("COVEY_CHANNEL_FD", wrong, 1);
        CHECK_THROWS_AS(protocol::channel_from_environment(), boost::system::system_error);
        CHECK(std::getenv("COVEY_CHANNEL_FD") == nullptr);
    }
}

} // namespace runtime_test
