// How a worker leaves, whatever makes it leave: what it says first, what it finishes, how it exits.
#include "played_master.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <chrono>
#include <covey/protocol/datum_codec.hpp>
#include <memory>
#include <stdexcept>
#include <sys/prctl.h>

namespace leaving_test {

namespace net = boost::asio;
namespace http = covey::http;
namespace protocol = covey::protocol;
using covey::test::board;
using covey::test::get;
using covey::test::http_client;
using covey::test::played_master;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t an_hour = 3'600'000;

[[noreturn]] void fail()
{
    throw std::runtime_error{"on purpose"};
}

// What is left of the drain's time comes back to the test as a change of field 100.
constexpr std::uint32_t drain_field = 100;

void set_up_more(covey::runtime& worker, board& state)
{
    covey::test::set_up(worker, state);
    worker.route("GET", "/leave", [&worker](http::request const&) {
        worker.suicide("tired");
        worker.suicide("very tired");
        return http::text("bye");
    });
    worker.route("GET", "/posts", [&worker](http::request const&) {
        net::post(worker.get_executor(), [] { fail(); });
        return http::text("posted");
    });
    worker.route("GET", "/posts-twice", [&worker](http::request const&) {
        net::post(worker.get_executor(), [] { fail(); });
        net::post(worker.get_executor(), [] { fail(); });
        return http::text("posted");
    });
    worker.route("GET", "/timer", [&worker](http::request const&) {
        auto const timer = std::make_shared<net::steady_timer>(worker.get_executor(), 1ms);
        timer->async_wait([timer](boost::system::error_code) { fail(); });
        return http::text("set");
    });
    worker.route("GET", "/flood", [&worker](http::request const& asked) {
        for (int left = std::stoi(asked.query("count").value_or("0")); left > 0; --left)
            worker.relay({.field = 5,
                          .kind = 0,
                          .revision = static_cast<std::uint64_t>(left),
                          .key = {},
                          .row = std::vector<unsigned char>(4096)});
        return http::text("said");
    });
    // Ends when the worker drains.
    auto const ever = std::make_shared<net::steady_timer>(worker.get_executor(), 1h);
    worker.route("GET", "/until-drain",
                 [ever](http::request const&) -> net::awaitable<http::response> {
                     boost::system::error_code ended;
                     co_await ever->async_wait(net::redirect_error(net::use_awaitable, ended));
                     co_return http::text("drained");
                 });
    worker.on_drain([ever, &worker](std::chrono::milliseconds left) {
        ever->cancel();
        worker.relay({.field = drain_field,
                      .kind = 0,
                      .revision = static_cast<std::uint64_t>(left.count()),
                      .key = {},
                      .row = {}});
    });
}

// A client whose request is being answered; or has been, when this process was late to look.
http_client busy_client(played_master<>& master, std::string const& target,
                        std::uint64_t ticket = 1)
{
    auto client = master.pass(ticket);
    CHECK(master.expect<protocol::accepted>().ticket == ticket);
    auto const begun = [&] {
        auto const load = master.memory().load_of(1);
        return load.in_flight + load.requests;
    };
    auto const before = begun();
    client.send(get(target));
    REQUIRE(wait_until([&] { return begun() > before; }));
    return client;
}

void expect_drain(played_master<>& master)
{
    auto const told = master.expect<protocol::change>();
    CHECK(told.field == drain_field);
    CHECK(told.revision > 0);
    CHECK(told.revision <= an_hour);
}

} // namespace

TEST_CASE("a worker that leaves by itself says so first, finishes and exits with 0",
          "[worker][runtime][suicide]")
{
    played_master<> master{set_up_more};
    master.drain_deadline_ms = an_hour;
    master.start();
    auto busy = busy_client(master, "/slow");
    auto last = busy_client(master, "/until-drain", 2);
    auto client = master.pass(3);
    master.expect<protocol::accepted>();
    client.send(get("/leave"));

    CHECK(master.expect<protocol::suicide>().reason == "tired"); // once
    auto late = master.pass(4);
    expect_drain(master);
    CHECK(master.expect<protocol::rejected>().ticket == 4);
    CHECK(client.read().header("connection") == "close");
    CHECK(busy.read().body == "slow");
    CHECK(last.read().body == "drained");
    for (auto* each : {&client, &busy, &last})
        each->close();
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

TEST_CASE("an exception that escapes into the loop makes a worker leave in good order",
          "[worker][runtime][suicide]")
{
    played_master<> master{[](covey::runtime& worker, board& state) {
        set_up_more(worker, state);
        worker.changes().on_change(
            state.visits, [](auto const&) { fail(); }, covey::test::every_change);
        worker.on_relayed([](auto const&) { fail(); });
    }};
    master.drain_deadline_ms = an_hour;
    master.start();
    auto busy = busy_client(master, "/slow");
    auto client = master.pass(2);
    master.expect<protocol::accepted>();
    SECTION("out of a posted function")
    {
        client.send(get("/posts"));
    }
    SECTION("out of a timer")
    {
        client.send(get("/timer"));
    }
    SECTION("out of a change handler")
    {
        client.send(get("/visit"));
    }
    SECTION("out of a message handler")
    {
        master.send(protocol::change{.field = 1, .kind = 0, .revision = 1, .key = {}, .row = {}});
    }
    CHECK(master.expect<protocol::suicide>().reason == "uncaught exception: on purpose");
    CHECK(busy.read().body == "slow");
    busy.close();
    client.close();
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

TEST_CASE("a worker that goes on throwing while it drains leaves at once with 1",
          "[worker][runtime][suicide]")
{
    played_master<> master{set_up_more};
    master.drain_deadline_ms = an_hour;
    master.start();
    auto stuck = busy_client(master, "/never");
    auto client = master.pass(2);
    master.expect<protocol::accepted>();
    client.send(get("/posts-twice"));
    master.expect<protocol::suicide>();
    CHECK(master.exit_code() == 1);
}

TEST_CASE("a set-up that cannot go on now ends in exit code 75, and says why on standard error",
          "[worker][runtime]")
{
    bool const by_suicide = GENERATE(false, true);
    played_master<> master{[&](covey::runtime& worker, board&) {
        if (by_suicide)
            worker.suicide("the database is not there yet");
        throw covey::temporary_failure{"the database is not there yet"};
    }};
    master.introduce();
    CHECK(master.exit_code() == protocol::worker_exit::temporary);
    master.run_loop();
    CHECK(master.is_silent()); // no refusal, which would end the cluster
}

TEST_CASE("a worker says for which addresses it serves before it says ready", "[worker][runtime]")
{
    played_master<> master{set_up_more};
    master.addresses = 3;
    master.introduce();
    for (std::uint32_t index = 0; index < 3; ++index)
        CHECK(master.expect<protocol::listening>().index == index);
    master.expect<protocol::ready>();
}

TEST_CASE("a worker that is ready writes to the standard error it is lent", "[worker][runtime]")
{
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    covey::handle const from{ends[0]};
    played_master<> master{[](covey::runtime& worker, board& state) {
        set_up_more(worker, state);
        CHECK(::write(STDERR_FILENO, "", 0) == 0); // the test's own still
        worker.route("GET", "/complain", [](http::request const&) {
            return http::text(std::to_string(::write(STDERR_FILENO, "alas", 4)));
        });
    }};
    master.standard_error = covey::handle{ends[1]};
    master.start();
    auto client = master.pass(1);
    client.send(get("/complain"));
    CHECK(client.read().body == "4");
    std::string text(5, 0);
    CHECK(::read(from.get(), text.data(), text.size()) == 4);
    CHECK(text.substr(0, 4) == "alas");
    // Only descriptor 2 is left of it: the pipe ends with the process.
    client.close();
    master.send(protocol::stop{.deadline_ms = 1'000});
    CHECK(master.exit_code() == protocol::worker_exit::planned);
    CHECK(::read(from.get(), text.data(), text.size()) == 0);
}

TEST_CASE("a handler hears of the drain whatever its cause, and of no other",
          "[worker][runtime][drain]")
{
    played_master<> master{set_up_more};
    master.drain_deadline_ms = an_hour;
    master.start();
    auto client = busy_client(master, "/until-drain");
    SECTION("a stop, and another")
    {
        master.send(protocol::stop{.deadline_ms = an_hour});
        master.send(protocol::stop{.deadline_ms = an_hour / 2});
    }
    SECTION("SIGTERM")
    {
        ::kill(master.pid(), SIGTERM);
        master.expect<protocol::suicide>();
    }
    expect_drain(master);
    CHECK(client.read().body == "drained");
    client.close();
    CHECK(master.exit_code() == protocol::worker_exit::planned);
    master.run_loop();
    CHECK(master.is_silent());
}

TEST_CASE("a worker with nothing to finish exits long before its deadline",
          "[worker][runtime][drain]")
{
    played_master<> master{set_up_more};
    master.start();
    master.send(protocol::stop{.deadline_ms = an_hour, .spread_ms = an_hour});
    expect_drain(master);
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

TEST_CASE("a worker whose master ends the conversation finishes first", "[worker][runtime][drain]")
{
    played_master<> master{set_up_more};
    SECTION("unless it has not begun")
    {
        master.expect<protocol::hello>();
        master.close();
    }
    SECTION("what can be finished")
    {
        master.drain_deadline_ms = an_hour;
        master.start();
        auto client = busy_client(master, "/slow");
        master.close();
        CHECK(client.read().body == "slow");
        client.close();
    }
    SECTION("within its drain deadline")
    {
        master.drain_deadline_ms = 50;
        master.start();
        auto client = busy_client(master, "/never");
        master.close();
        CHECK(client.read().status == 0);
    }
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

// No parent-death signal is asked for here, so this is the end of the channel and the look at the
// parent alone.
TEST_CASE("a worker whose master is dead does not go on for what it could finish",
          "[worker][runtime][orphan]")
{
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); // the orphan becomes ours
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    covey::handle const from{ends[0]};
    covey::handle to{ends[1]};
    pid_t const master = ::fork();
    if (master == 0) {
        played_master<> played{set_up_more};
        played.drain_deadline_ms = an_hour;
        played.start();
        auto client = busy_client(played, "/never");
        pid_t const worker = played.pid();
        static_cast<void>(::write(to.get(), &worker, sizeof worker) == sizeof worker);
        for (;;)
            ::pause();
    }
    to.reset();
    pid_t worker = 0;
    REQUIRE(::read(from.get(), &worker, sizeof worker) == sizeof worker);
    ::kill(master, SIGKILL);
    CHECK(::waitpid(master, nullptr, 0) == master);
    int status = -1;
    bool const gone = wait_until([&] { return ::waitpid(worker, &status, WNOHANG) == worker; });
    CHECK(gone);
    if (gone)
        CHECK((WIFEXITED(status) && WEXITSTATUS(status) == protocol::worker_exit::planned));
    else
        ::kill(worker, SIGKILL);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_CASE("what a worker has said before it leaves arrives, up to a mebibyte", "[worker][runtime]")
{
    constexpr int count = 250; // of 4 KiB and a few bytes each: the kernel takes a part at once
    played_master<> master{set_up_more};
    master.start();
    auto client = master.pass(1);
    client.send(get("/flood?count=" + std::to_string(count)));
    CHECK(client.read().body == "said"); // and nothing has been read of it
    master.send(protocol::stop{.deadline_ms = 0});
    CHECK(master.expect<protocol::accepted>().ticket == 1);
    for (auto left = static_cast<std::uint64_t>(count); left > 0; --left)
        REQUIRE(master.expect<protocol::change>().revision == left);
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

TEST_CASE("what a worker was told before it is told to stop is heard, up to a mebibyte",
          "[worker][runtime]")
{
    constexpr std::uint64_t count = 100;
    auto const deadline = GENERATE(std::uint64_t{0}, std::uint64_t{30'000});
    played_master<> master{[](covey::runtime& worker, board& state) {
        set_up(worker, state);
        worker.conversation().on_message(
            [&worker, heard = std::uint64_t{0}](covey::message said) mutable {
                heard += said.body.as<std::string>().value_or("").size() == 10'000 ? 1 : 0;
                worker.relay({.field = 1, .kind = 0, .revision = heard, .key = {}, .row = {}});
            });
    }};
    master.start();
    master.hears_talk = false;
    auto const body = protocol::encode_datum(std::string(10'000, 'x'));
    REQUIRE(body.has_value());
    for (std::uint64_t i = 0; i < count; ++i)
        master.send(protocol::talk{.kind = 0, .number = 0, .body = *body, .kinds = {}});
    master.send(protocol::stop{.deadline_ms = deadline});
    for (std::uint64_t i = 1; i <= count; ++i)
        REQUIRE(master.expect<protocol::change>().revision == i);
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

TEST_CASE("a worker whose master does not read leaves all the same", "[worker][runtime]")
{
    played_master<> master{set_up_more};
    master.start();
    auto client = master.pass(1);
    client.send(get("/flood?count=250"));
    CHECK(client.read().body == "said");
    master.send(protocol::stop{.deadline_ms = 0});
    CHECK(master.exit_code() == protocol::worker_exit::planned);
}

} // namespace leaving_test
