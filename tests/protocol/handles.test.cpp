// Handles on a channel: each arrives with its own message, none leaks, none is inherited.
#include "protocol/wire.hpp"
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/descriptor_limit.hpp"
#include "support/wait_until.hpp"

#include <cstdint>
#include <functional>
#include <sys/resource.h>
#include <sys/wait.h>

namespace handles_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::descriptor_count;
using covey::test::error_code;
using covey::test::inbox;
using covey::test::raw_peer;
using covey::test::run_until;
using covey::test::two_channels;

namespace {

// Receives and drops handles, counting: for tests that pass more than a process may have open.
struct handle_counter
{
    std::size_t frames = 0;
    std::size_t handles = 0;
    error_code ended;

    void listen(frame_channel& to)
    {
        to.async_receive([this, &to](error_code failed, frame, std::vector<handle> got) {
            ended = failed;
            if (failed)
                return;
            ++frames;
            handles += got.size();
            listen(to);
        });
    }
};

// Runs `body` in a child that has no privileges; its exit code, or -1 when it was killed.
int run_unprivileged(std::function<int()> const& body)
{
    pid_t const child = ::fork();
    if (child == 0) {
        bool const dropped = ::geteuid() != 0 || ::setresuid(65534, 65534, 65534) == 0; // nobody
        ::_exit(dropped ? body() : 2);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("order holds across frames with and without handles", "[handles]")
{
    two_channels pair;
    pair.left.send({7, "one"});
    pair.left.send({7, "two"}, {test::named_handle("2")});
    pair.left.send({7, "three"});
    pair.left.send({7, "four"}, {test::named_handle("4a"), test::named_handle("4b")});
    pair.left.send({7, "five"}, {test::named_handle("5")});
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.items.size() == 5; }));
    CHECK(in.items[0].frame.body == "one");
    CHECK(in.items[0].handles.empty());
    CHECK(in.items[1].frame.body == "two");
    REQUIRE(in.items[1].handles.size() == 1);
    CHECK(test::name_of(in.items[1].handles[0]) == "2");
    CHECK(in.items[2].handles.empty());
    REQUIRE(in.items[3].handles.size() == 2);
    CHECK(test::name_of(in.items[3].handles[0]) == "4a");
    CHECK(test::name_of(in.items[3].handles[1]) == "4b");
    CHECK(test::name_of(in.items[4].handles.at(0)) == "5");
}

TEST_CASE("a queue of frames with and without handles keeps its order", "[handles]")
{
    two_channels pair;
    std::size_t sent = 0;
    for (; pair.left.queued_bytes() < (512 << 10); ++sent) {
        std::vector<shared_handle> handles;
        if (sent % 7 == 3)
            handles.push_back(test::named_handle(std::to_string(sent)));
        std::string body = std::to_string(sent) + ":" + std::string(sent % 5'000, 'x');
        REQUIRE(pair.left.send({7, std::move(body)}, std::move(handles)) != send_status::invalid);
    }
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.items.size() == sent; }));
    for (std::size_t number = 0; number < sent; ++number) {
        auto const& item = in.items[number];
        REQUIRE(std::stoul(item.frame.body) == number);
        REQUIRE(item.handles.size() == (number % 7 == 3 ? 1 : 0));
        if (number % 7 == 3)
            REQUIRE(test::name_of(item.handles[0]) == std::to_string(number));
    }
}

TEST_CASE("a handle sent twice arrives twice and stays its owner's, one given away is refused",
          "[handles]")
{
    two_channels pair;
    auto const kept = test::named_handle("kept");
    CHECK(pair.left.send({7, "one"}, {kept}) == send_status::sent);
    CHECK(pair.left.send({7, "two"}, {kept}) == send_status::sent);
    handle given = test::make_handle();
    handle const taken = std::move(given);
    CHECK(pair.left.send({7, "three"}, {share(std::move(given))}) == send_status::invalid);
    CHECK(pair.left.send({7, "four"}) == send_status::sent);
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.items.size() == 3; }));
    CHECK(test::name_of(in.items[0].handles.at(0)) == "kept");
    CHECK(test::name_of(in.items[1].handles.at(0)) == "kept");
    CHECK(in.items[2].frame.body == "four");
    CHECK(test::name_of(*kept) == "kept");
}

TEST_CASE("a handle whose frame is glued to older bytes goes to its own frame", "[handles]")
{
    raw_peer peer;
    std::string const one = test::raw_frame(0, "one"), two = test::raw_frame(1, "two", 1);
    SECTION("the frame arrives at once")
    {
        REQUIRE(test::raw_send(peer.raw, one));
        REQUIRE(test::raw_send(peer.raw, two, {test::named_handle("2")}));
    }
    SECTION("all of the frame but its first byte arrives later")
    {
        REQUIRE(test::raw_send(peer.raw, one));
        REQUIRE(test::raw_send(peer.raw, two.substr(0, 1), {test::named_handle("2")}));
        REQUIRE(test::raw_send(peer.raw, two.substr(1)));
    }
    SECTION("the handle rides with the bytes of the frame before")
    {
        REQUIRE(test::raw_send(peer.raw, one + two, {test::named_handle("2")}));
    }
    peer.in.listen(peer.channel);
    REQUIRE(peer.run_until_received(2));
    CHECK(peer.in.items[0].handles.empty());
    REQUIRE(peer.in.items[1].handles.size() == 1);
    CHECK(test::name_of(peer.in.items[1].handles[0]) == "2");
}

TEST_CASE("received handles are close-on-exec", "[handles]")
{
    two_channels pair;
    pair.left.send({7, ""}, test::copies(3));
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.items.size() == 1; }));
    for (handle const& got : in.items[0].handles)
        CHECK((::fcntl(got.get(), F_GETFD) & FD_CLOEXEC) != 0);
    auto const [left, right] = make_socket_pair();
    CHECK((::fcntl(left.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(right.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("ten thousand passes leave no descriptor behind", "[handles]")
{
    auto const before = descriptor_count();
    {
        two_channels pair;
        handle_counter in;
        in.listen(pair.right);
        auto const base = descriptor_count();
        for (std::size_t pass = 1; pass <= 10'000; ++pass) {
            REQUIRE(pair.left.send({7, "pass"}, {test::make_shared_handle()}) == send_status::sent);
            REQUIRE(run_until(pair.loop, [&] { return in.handles == pass; }));
        }
        CHECK(descriptor_count() == base);
    }
    CHECK(descriptor_count() == before);
}

TEST_CASE("handles flooding in both directions do not deadlock", "[handles]")
{
    two_channels pair{{.queued_bytes_max = 8 << 20}};
    constexpr std::size_t count = 3'000;
    auto const passed = test::make_shared_handle();
    for (std::size_t number = 0; number < count; ++number) {
        REQUIRE(pair.left.send({7, std::string(500, 'l')}, {passed}) < send_status::would_block);
        REQUIRE(pair.right.send({7, std::string(500, 'r')}, {passed}) < send_status::would_block);
    }
    handle_counter left, right;
    left.listen(pair.left);
    right.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return left.frames == count && right.frames == count; }));
    CHECK(left.handles == count);
    CHECK(right.handles == count);
    CHECK(passed.use_count() == 1);
}

TEST_CASE("a large frame and its handle are delivered together", "[handles]")
{
    two_channels pair;
    std::string const body(800'000, 'b');
    CHECK(pair.left.send({7, body}, {test::named_handle("large")}) == send_status::queued);
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.items.size() == 1; }));
    CHECK(in.items[0].frame.body == body);
    REQUIRE(in.items[0].handles.size() == 1);
    CHECK(test::name_of(in.items[0].handles[0]) == "large");
}

TEST_CASE("a full descriptor table costs a message its handles and not the channel", "[handles]")
{
    auto const before = descriptor_count();
    {
        raw_peer peer;
        auto const room = static_cast<rlim_t>(GENERATE(0, 1, 2));
        REQUIRE(test::raw_send(peer.raw, test::raw_frame(0, "plain")));
        REQUIRE(test::raw_send(peer.raw, test::raw_frame(1, "poor", 3), test::copies(3)));
        REQUIRE(test::raw_send(peer.raw, test::raw_frame(2, "rich", 1), test::copies(1)));
        peer.in.listen(peer.channel);
        auto const base = descriptor_count();
        {
            test::descriptor_limit const limit{room};
            REQUIRE(peer.run_until_received(2));
        }
        CHECK(peer.in.items[1].failed == error::handles_lost);
        CHECK(peer.in.items[1].frame.body == "poor");
        REQUIRE(peer.in.items[1].handles.size() == 3);
        for (handle const& lost : peer.in.items[1].handles)
            CHECK_FALSE(lost.is_open());
        CHECK(descriptor_count() == base); // those that fitted are closed again
        REQUIRE(peer.run_until_received(3));
        CHECK_FALSE(peer.in.items[2].failed);
        CHECK(peer.in.items[2].handles.at(0).is_open());
        CHECK(peer.channel.is_open());
    }
    CHECK(descriptor_count() == before);
}

TEST_CASE("connections that lost their handles can be declined by their tickets", "[handles]")
{
    net::io_context loop{1};
    auto ends = make_socket_pair();
    master_channel master{loop.get_executor(), std::move(ends.first)};
    worker_channel worker{loop.get_executor(), std::move(ends.second)};
    master.send(connection{.ticket = 99, .listener = 0},
                {test::make_shared_handle(), test::make_shared_handle()});
    bool declined = false;
    {
        test::descriptor_limit const limit;
        worker.async_receive([&](error_code failed, envelope<from_master> got) {
            REQUIRE(failed == error::handles_lost);
            CHECK(got.handles.empty());
            CHECK(got.handles_lost == 2);
            worker.send(rejected{std::get<connection>(got.message).ticket});
        });
        master.async_receive([&](error_code failed, envelope<from_worker> got) {
            REQUIRE_FALSE(failed);
            declined = std::get<rejected>(got.message).ticket == 99;
        });
        REQUIRE(run_until(loop, [&] { return declined; }));
    }
}

TEST_CASE("handles the kernel has no room for in flight are sent later", "[handles]")
{
    CHECK(run_unprivileged([] {
              rlimit const few{64, 64}; // unread handles of a user are capped by it, unix(7)
              if (::setrlimit(RLIMIT_NOFILE, &few) != 0)
                  return 3;
              two_channels pair;
              auto const passed = test::make_shared_handle();
              constexpr std::size_t count = 150; // small enough for the socket's buffer
              std::size_t queued = 0;
              for (std::size_t number = 0; number < count; ++number)
                  if (pair.left.send({7, "x"}, {passed}) == send_status::queued)
                      ++queued;
              if (queued == 0 || !pair.left.is_open())
                  return 4;
              handle_counter in;
              in.listen(pair.right);
              bool const all = run_until(pair.loop, [&] { return in.handles == count; });
              return all && !in.ended ? 0 : 5;
          }) == 0);
}

} // namespace handles_test
