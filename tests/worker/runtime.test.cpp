// The worker's side of the conversation, in a process of its own; the test plays the master.
#include <covey/worker/runtime.hpp>

#include "support/catch.hpp"
#include "support/http_client.hpp"
#include "support/wait_until.hpp"

#include <arpa/inet.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/version.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/segment.hpp>
#include <covey/shm/text.hpp>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <netinet/in.h>
#include <optional>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <variant>

namespace http = covey::http;
namespace net = boost::asio;
namespace protocol = covey::protocol;
using covey::test::http_client;
using covey::test::run_until;
using namespace std::chrono_literals;

namespace {

struct board : covey::state
{
    covey::counter visits{*this, "visits"};
    covey::map<covey::text<16>, std::int64_t> scores{*this, "scores", covey::capacity{64}};
};

struct other_board : covey::state
{
    covey::counter guests{*this, "guests"};
};

void set_up(covey::runtime& worker, board& state)
{
    worker.route("GET", "/visit", [&state](http::request const&) {
        return http::text(std::to_string(state.visits.add(1)));
    });
    worker.route("GET", "/slow", [](http::request const&) -> net::awaitable<http::response> {
        net::steady_timer timer{co_await net::this_coro::executor, 100ms};
        co_await timer.async_wait(net::use_awaitable);
        co_return http::text("slow");
    });
    worker.route("GET", "/never", [](http::request const&) -> net::awaitable<http::response> {
        net::steady_timer timer{co_await net::this_coro::executor, 1h};
        co_await timer.async_wait(net::use_awaitable);
        co_return http::text("never");
    });
    worker.on_relayed([&worker](covey::relayed_change const& change) {
        auto back = change;
        ++back.revision;
        worker.relay(back);
    });
    // Every change comes back over the channel, so that the test sees what was told.
    worker.changes().on_change(state.scores, [&worker](auto const& change) {
        worker.relay({.field = 1, .kind = 0, .revision = change.revision, .key = {}, .row = {}});
    });
}

// A worker process with a runtime in it, and the master's end of its channel.
template <class State = board>
class played_master
{
  public:
    explicit played_master(std::function<void(covey::runtime&, State&)> prepare)
        : memory_{covey::segment::create(board{}.described(), 2, "test")}
        , bells_{covey::doorbells::make(2)}
    {
        auto [mine, theirs] = protocol::make_socket_pair();
        pid_ = ::fork();
        if (pid_ == 0) {
            mine.reset();
            State view;
            covey::runtime worker{std::move(theirs), view,
                                  [&](covey::runtime& ready) { prepare(ready, view); }};
            ::_exit(worker.run());
        }
        theirs.reset();
        channel_.emplace(loop_.get_executor(), std::move(mine));
        memory_.open_block(1, {.pid = pid_, .id = 7, .generation = 3});
        memory_.open_block(0, {.pid = ::getpid(), .id = 6, .generation = 3});
        receive();
    }
    ~played_master()
    {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }

    std::uint64_t busy_poll_us = 0;

    // hello .. begin
    void introduce(std::uint32_t version = protocol::version, covey::handle listening = {})
    {
        expect<protocol::hello>();
        send(protocol::welcome{.version = version,
                               .id = 7,
                               .seat = 1,
                               .generation = 3,
                               .block = 1,
                               .blocks = 2,
                               .name = "test",
                               .log_level = "error",
                               .log_format = "text",
                               .busy_poll_us = busy_poll_us,
                               .drain_deadline_ms = 30'000},
             one(memory_.lend()));
        std::vector<covey::shared_handle> bells;
        for (auto const& bell : bells_.handles())
            bells.push_back(covey::share(bell.duplicate()));
        send(protocol::doorbells{.first_block = 0}, std::move(bells));
        std::uint32_t const listeners = listening.is_open() ? 1 : 0;
        if (listeners == 1)
            send(protocol::listener{.index = 0, .address = "test"}, one(std::move(listening)));
        send(protocol::begin{.listeners = listeners});
    }
    void start()
    {
        introduce();
        expect<protocol::ready>();
        expect<protocol::watch_changes>();
    }

    void send(protocol::from_master const& message, std::vector<covey::shared_handle> with = {})
    {
        channel_->send(message, std::move(with));
    }
    static std::vector<covey::shared_handle> one(covey::handle passed)
    {
        return {covey::share(std::move(passed))};
    }
    http_client pass(std::uint64_t ticket)
    {
        auto [theirs, client] = http_client::tcp_pair();
        ::fcntl(theirs.get(), F_SETFL, O_NONBLOCK);
        send(protocol::connection{.ticket = ticket, .listener = 0}, one(std::move(theirs)));
        return std::move(client);
    }

    // The next message, which must be a Message.
    template <class Message>
    Message expect()
    {
        REQUIRE(run_until(loop_, [&] { return !heard_.empty() || ended_; }));
        REQUIRE_FALSE(heard_.empty());
        auto const next = std::move(heard_.front());
        heard_.pop_front();
        REQUIRE(std::holds_alternative<Message>(next));
        return std::get<Message>(next);
    }
    bool is_silent() const { return heard_.empty(); }
    void run_loop() { loop_.poll(); }

    void close() { channel_->close(); }
    int exit_code()
    {
        int status = -1;
        if (!covey::test::wait_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }))
            return -1;
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    pid_t pid() const { return pid_; }
    covey::segment& memory() { return memory_; }
    covey::doorbells const& bells() const { return bells_; }

  private:
    void receive()
    {
        channel_->async_receive(
            [this](boost::system::error_code failed, protocol::envelope<protocol::from_worker> in) {
                if (failed) {
                    ended_ = true;
                    return;
                }
                heard_.push_back(std::move(in.message));
                receive();
            });
    }

    covey::segment memory_;
    covey::doorbells bells_;
    pid_t pid_ = -1;
    net::io_context loop_;
    std::optional<protocol::master_channel> channel_;
    std::deque<protocol::from_worker> heard_;
    bool ended_ = false;
};

std::string get(std::string const& target)
{
    return "GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n";
}

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

TEST_CASE("a worker leaves when its master is gone", "[worker][runtime]")
{
    played_master<> master{set_up};
    SECTION("before it has begun")
    {
        master.expect<protocol::hello>();
    }
    SECTION("while it serves")
    {
        master.start();
        auto client = master.pass(1);
        master.expect<protocol::accepted>();
        client.send(get("/never"));
    }
    master.close();
    CHECK(master.exit_code() == protocol::worker_exit::planned);
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
    SECTION("by SIGTERM")
    {
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
    CHECK_FALSE(covey::channel_from_environment().is_open());
    auto [mine, theirs] = protocol::make_socket_pair();
    ::fcntl(theirs.get(), F_SETFD, 0);
    ::setenv("COVEY_CHANNEL_FD", std::to_string(theirs.get()).c_str(), 1);
    auto const taken = covey::channel_from_environment();
    CHECK(taken.get() == theirs.release());
    CHECK(::fcntl(taken.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(std::getenv("COVEY_CHANNEL_FD") == nullptr);

    for (auto const* wrong : {"", "x", "-1", "1x", "99999", "0"}) {
        ::setenv("COVEY_CHANNEL_FD", wrong, 1);
        CHECK_THROWS_AS(covey::channel_from_environment(), boost::system::system_error);
        CHECK(std::getenv("COVEY_CHANNEL_FD") == nullptr);
    }
}
