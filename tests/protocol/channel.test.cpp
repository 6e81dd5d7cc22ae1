// The channel between two ends that keep the rules: order, flow, endings, tokens.
#include "protocol/wire.hpp"
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <sys/socket.h>

namespace channel_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::error_code;
using covey::test::inbox;
using covey::test::raw_peer;
using covey::test::run_until;
using covey::test::two_channels;

namespace {

frame numbered(std::size_t number, std::size_t size = 0)
{
    std::string body = std::to_string(number) + ":";
    body.resize(std::max(size, body.size()), 'x');
    return {7, std::move(body)};
}

std::size_t number_of(frame const& of)
{
    return std::stoul(of.body);
}

} // namespace

TEST_CASE("frames arrive whole and in order however their bytes are split", "[channel]")
{
    std::string const stream =
        test::raw_frame(0, "one") + test::raw_frame(1, "") + test::raw_frame(2, "three");
    for (std::size_t first = 0; first <= stream.size(); ++first) {
        raw_peer peer;
        peer.in.listen(peer.channel);
        REQUIRE((first == 0 || test::raw_send(peer.raw, stream.substr(0, first))));
        peer.loop.poll();
        REQUIRE((first == stream.size() || test::raw_send(peer.raw, stream.substr(first))));
        REQUIRE(peer.run_until_received(3));
        CHECK(peer.in.items[0].frame.body == "one");
        CHECK(peer.in.items[1].frame.body.empty());
        CHECK(peer.in.items[2].frame.body == "three");
    }
}

TEST_CASE("frames that come one byte at a time arrive", "[channel]")
{
    raw_peer peer;
    peer.in.listen(peer.channel);
    for (char const byte : test::raw_frame(0, "slow") + test::raw_frame(1, "slower")) {
        REQUIRE(test::raw_send(peer.raw, {&byte, 1}));
        peer.loop.poll();
    }
    REQUIRE(peer.run_until_received(2));
    CHECK(peer.in.items[1].frame.body == "slower");
}

TEST_CASE("a thousand frames in one read all arrive", "[channel]")
{
    std::string stream;
    for (std::uint32_t number = 0; number < 1'000; ++number)
        stream += test::raw_frame(number, std::to_string(number));
    raw_peer peer;
    REQUIRE(test::raw_send(peer.raw, stream));
    peer.in.listen(peer.channel);
    REQUIRE(peer.run_until_received(1'000));
    for (std::size_t number = 0; number < 1'000; ++number)
        REQUIRE(number_of(peer.in.items[number].frame) == number);
}

TEST_CASE("a flood does not keep others on the loop waiting", "[channel]")
{
    std::string stream;
    for (std::uint32_t number = 0; number < 1'000; ++number)
        stream += test::raw_frame(number, "flood");
    raw_peer peer;
    REQUIRE(test::raw_send(peer.raw, stream));
    peer.in.listen(peer.channel);
    REQUIRE(peer.run_until_received(1));
    std::optional<std::size_t> served_after;
    net::post(peer.loop, [&] { served_after = peer.in.items.size(); });
    REQUIRE(peer.run_until_received(1'000));
    REQUIRE(served_after);
    CHECK(*served_after < 10); // frames, not time: one frame a turn
}

TEST_CASE("send tells what became of a frame", "[channel]")
{
    two_channels pair{{.queued_bytes_max = 64 << 10}};
    CHECK(pair.left.send(numbered(0)) == send_status::sent);
    CHECK(pair.left.queued_bytes() == 0);

    std::size_t sent = 1;
    send_status status = send_status::sent;
    while (status == send_status::sent)
        status = pair.left.send(numbered(sent++, 1'000));
    CHECK(status == send_status::queued);
    while (status == send_status::queued)
        status = pair.left.send(numbered(sent++, 1'000));
    CHECK(status == send_status::would_block);
    --sent;
    CHECK(pair.left.queued_bytes() <= 64 << 10);

    bool drained = false;
    pair.left.async_drained([&](error_code failed) { drained = !failed; });
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.items.size() == sent; }));
    CHECK(drained);
    CHECK(pair.left.queued_bytes() == 0);
    CHECK(pair.left.send(numbered(sent)) == send_status::sent);
    for (std::size_t number = 0; number < sent; ++number)
        REQUIRE(number_of(in.items[number].frame) == number);

    pair.left.close();
    CHECK(pair.left.send(numbered(0)) == send_status::closed);
}

TEST_CASE("a frame that breaks a limit is refused and the channel lives", "[channel]")
{
    two_channels pair{{.queued_bytes_max = 1'000, .frame_bytes_max = 5'000}};
    CHECK(pair.left.send(numbered(0, 5'001)) == send_status::invalid);
    CHECK(pair.left.send(numbered(0), test::copies(handles_max + 1)) == send_status::invalid);
    CHECK(pair.left.send(numbered(0), {nullptr}) == send_status::invalid);
    CHECK(pair.left.send(numbered(0), {share(handle{})}) == send_status::invalid);
    CHECK(pair.left.send(numbered(1, 5'000), test::copies(handles_max)) == send_status::sent);
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.items.size() == 1; }));
    CHECK(number_of(in.items[0].frame) == 1);
    CHECK(in.items[0].handles.size() == handles_max);
}

TEST_CASE("a peer that never reads costs no more than the queue", "[channel]")
{
    channel_limits const limits{.queued_bytes_max = 256 << 10};
    raw_peer peer{limits};
    auto const stay = net::make_work_guard(peer.loop);
    std::size_t turns = 0;
    for (int round = 0; round < 20'000; ++round) {
        peer.channel.send(numbered(0, 1'000));
        REQUIRE(peer.channel.queued_bytes() <= limits.queued_bytes_max);
        net::post(peer.loop, [&] { ++turns; });
        peer.loop.poll();
    }
    CHECK(turns == 20'000); // the loop stayed live
    CHECK(peer.channel.send(numbered(0, 1'000)) == send_status::would_block);
}

TEST_CASE("two ends that flood each other do not deadlock", "[channel]")
{
    two_channels pair{{.queued_bytes_max = 64 << 10}};
    constexpr std::size_t count = 5'000;
    struct side
    {
        frame_channel& channel;
        inbox in;
        std::size_t sent = 0;

        void flood()
        {
            while (sent < count) {
                auto const status = channel.send(numbered(sent, 1'000));
                if (status == send_status::would_block)
                    return channel.async_drained([this](error_code) { flood(); });
                ++sent;
            }
        }
    };
    side left{pair.left, {}}, right{pair.right, {}};
    left.flood();
    right.flood();
    REQUIRE((left.sent < count && right.sent < count)); // both are stuck, and nobody reads yet
    left.in.listen(pair.left);
    right.in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] {
        return left.in.items.size() == count && right.in.items.size() == count;
    }));
    CHECK(number_of(left.in.items.back().frame) == count - 1);
}

TEST_CASE("a channel that flushes and then closes has said everything", "[channel]")
{
    two_channels pair;
    constexpr std::size_t count = 900;
    for (std::size_t number = 0; number < count; ++number)
        REQUIRE(pair.left.send(numbered(number, 1'000), {test::make_shared_handle()}) !=
                send_status::would_block);
    REQUIRE(pair.left.queued_bytes() > 0);
    pair.left.async_drained([&](error_code failed) {
        CHECK_FALSE(failed);
        pair.left.close();
    });
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.ended.failed(); }));
    CHECK(in.ended == error::closed);
    REQUIRE(in.items.size() == count);
    for (std::size_t number = 0; number < count; ++number) {
        REQUIRE(number_of(in.items[number].frame) == number);
        REQUIRE(in.items[number].handles.size() == 1);
    }
}

TEST_CASE("a channel that ends lets go of the handles it still holds", "[channel]")
{
    auto const before = test::descriptor_count();
    auto const watched = test::make_shared_handle();
    {
        two_channels pair;
        while (pair.left.send(numbered(0, 1'000)) == send_status::sent) {
        }
        REQUIRE(pair.left.send(numbered(0), {watched}) == send_status::queued);
        CHECK(watched.use_count() == 2);
        pair.left.close();
        CHECK(watched.use_count() == 1);
        CHECK(pair.left.queued_bytes() == 0);
    }
    CHECK(test::descriptor_count() == before + 1);
}

TEST_CASE("the end of the peer is told apart: between frames and inside one", "[channel]")
{
    raw_peer peer;
    peer.in.listen(peer.channel);
    REQUIRE(test::raw_send(peer.raw, test::raw_frame(0, "whole")));
    SECTION("between frames: closed")
    {
        peer.raw.reset();
        REQUIRE(peer.run_until_ended());
        CHECK(peer.in.ended == error::closed);
    }
    SECTION("inside a header: truncated")
    {
        REQUIRE(test::raw_send(peer.raw, test::raw_frame(1, "").substr(0, 7)));
        peer.raw.reset();
        REQUIRE(peer.run_until_ended());
        CHECK(peer.in.ended == error::truncated);
    }
    SECTION("inside a body: truncated")
    {
        REQUIRE(test::raw_send(peer.raw, test::raw_frame(1, "half").substr(0, 18)));
        peer.raw.reset();
        REQUIRE(peer.run_until_ended());
        CHECK(peer.in.ended == error::truncated);
    }
    CHECK(peer.in.items.size() == 1);
    CHECK_FALSE(peer.channel.is_open());
    peer.in.ended = {};
    peer.in.listen(peer.channel); // every later call gets the reason again
    REQUIRE(peer.run_until_ended());
}

TEST_CASE("sending to a peer that is gone is a status, and its last words are heard", "[channel]")
{
    raw_peer peer;
    REQUIRE(test::raw_send(peer.raw, test::raw_frame(0, "last words")));
    SECTION("it had read everything")
    {}
    SECTION("it leaves something unread")
    {
        REQUIRE(peer.channel.send(numbered(0)) == send_status::sent);
    }
    peer.raw.reset();
    CHECK(peer.channel.send(numbered(1)) == send_status::closed); // SIGPIPE would end this test
    CHECK_FALSE(peer.channel.is_open());
    std::optional<error_code> drained;
    peer.channel.async_drained([&](error_code failed) { drained = failed; });
    peer.in.listen(peer.channel);
    REQUIRE(peer.run_until_ended());
    CHECK(peer.in.items.size() == 1);
    CHECK(peer.in.items[0].frame.body == "last words");
    CHECK(peer.in.ended == error::closed);
    CHECK(drained == error_code{error::closed});
}

TEST_CASE("no handler runs inside a call of the channel", "[channel]")
{
    raw_peer peer;
    REQUIRE(test::raw_send(peer.raw, test::raw_frame(0, "here")));
    int calls = 0;
    auto const count = [&](error_code, frame, std::vector<handle>) { ++calls; };

    peer.channel.async_receive(count);
    CHECK(calls == 0);
    peer.loop.run();
    CHECK(calls == 1);

    peer.loop.restart();
    peer.channel.async_receive(count);
    peer.channel.async_receive(count); // already_started
    peer.channel.async_drained([&](error_code) { ++calls; });
    CHECK(calls == 1);
    peer.channel.close();
    CHECK(calls == 1);
    peer.loop.run();
    CHECK(calls == 4);
}

TEST_CASE("a channel may be destroyed under an outstanding receive", "[channel]")
{
    net::io_context loop{1};
    auto [ours, theirs] = make_socket_pair();
    std::optional<error_code> frames_ended, messages_ended;
    {
        frame_channel channel{loop.get_executor(), std::move(ours)};
        channel.async_receive(
            [&](error_code failed, frame, std::vector<handle>) { frames_ended = failed; });
        loop.poll();
    }
    {
        master_channel channel{loop.get_executor(), std::move(theirs)};
        channel.async_receive(
            [&](error_code failed, envelope<from_worker>) { messages_ended = failed; });
    }
    loop.run();
    CHECK(frames_ended == error_code{net::error::operation_aborted});
    CHECK(messages_ended == error_code{net::error::operation_aborted});
}

TEST_CASE("a channel may be destroyed between a bad message and its handler", "[channel]")
{
    net::io_context loop{1};
    auto [ours, theirs] = make_socket_pair();
    std::optional<master_channel> channel;
    channel.emplace(loop.get_executor(), std::move(ours));
    REQUIRE(test::raw_send(theirs, test::raw_frame(0, "no such message")));
    std::optional<error_code> ended;
    channel->async_receive([&](error_code failed, envelope<from_worker>) { ended = failed; });
    REQUIRE(loop.run_one() == 1); // the read; the completion is on its way
    channel.reset();
    loop.run();
    CHECK(ended == error_code{error::unknown_message});
}

TEST_CASE("a loop destroyed under a waiting coroutine frees the channel it owns", "[channel]")
{
    auto const before = test::descriptor_count();
    auto const alive = std::make_shared<int>();
    {
        net::io_context loop{1};
        auto [ours, theirs] = make_socket_pair();
        auto const wait = [](worker_channel channel, std::shared_ptr<int>) -> net::awaitable<void> {
            co_await channel.async_receive(net::use_awaitable);
        };
        net::co_spawn(loop, wait(worker_channel{loop.get_executor(), std::move(ours)}, alive),
                      net::detached);
        loop.poll();
        CHECK(alive.use_count() == 2);
    }
    CHECK(alive.use_count() == 1);
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("any token will do: coroutines, move-only callbacks, cancellation", "[channel]")
{
    using namespace net::experimental::awaitable_operators;
    net::io_context loop{1};
    auto [ours, theirs] = make_socket_pair();
    master_channel master{loop.get_executor(), std::move(ours)};
    worker_channel worker{loop.get_executor(), std::move(theirs)};

    bool done = false;
    auto const talk = [&]() -> net::awaitable<void> {
        worker.send(hello{.version = 1, .pid = 42});
        auto [failed, got] = co_await master.async_receive(net::as_tuple(net::use_awaitable));
        CHECK_FALSE(failed);
        CHECK(std::get<hello>(got.message).pid == 42);

        // A receive that loses a race is cancelled, and what comes later is not lost with it.
        net::steady_timer timer{loop, std::chrono::milliseconds{1}};
        auto const raced = co_await (master.async_receive(net::as_tuple(net::use_awaitable)) ||
                                     timer.async_wait(net::use_awaitable));
        CHECK(raced.index() == 1);
        CHECK(master.is_open());
        worker.send(ready{});
        auto const next = co_await master.async_receive(net::use_awaitable);
        CHECK(std::holds_alternative<ready>(next.message));

        co_await worker.async_drained(net::use_awaitable);
        done = true;
    };
    net::co_spawn(loop, talk(), [](std::exception_ptr failed) {
        if (failed)
            std::rethrow_exception(failed);
    });
    REQUIRE(run_until(loop, [&] { return done; }));

    bool called = false;
    worker.send(ready{});
    master.async_receive([only = std::make_unique<int>(7), &called](error_code failed, auto got) {
        called = !failed && *only == 7 && std::holds_alternative<ready>(got.message);
    });
    REQUIRE(run_until(loop, [&] { return called; }));
}

TEST_CASE("a moved channel goes on", "[channel]")
{
    two_channels pair;
    frame_channel moved{std::move(pair.left)};
    pair.left = std::move(moved);
    CHECK(pair.left.send(numbered(5)) == send_status::sent);
    inbox in;
    in.listen(pair.right);
    REQUIRE(run_until(pair.loop, [&] { return in.items.size() == 1; }));
    pair.left = frame_channel{pair.loop.get_executor(), make_socket_pair().first};
    REQUIRE(run_until(pair.loop, [&] { return in.ended.failed(); })); // the old one is closed
}

TEST_CASE("a frame of the house overtakes data that has not begun to leave", "[channel]")
{
    two_channels pair;
    test::inbox in;
    std::size_t data = 0;
    while (pair.left.send({7, std::string(10'000, 'd')}) != send_status::would_block)
        ++data;
    auto const passed = test::make_shared_handle();
    CHECK(pair.left.send({8, "first"}, {passed}, lane::house) == send_status::queued);
    CHECK(pair.left.send({8, "second"}, {}, lane::house) == send_status::queued);
    in.listen(pair.right);
    REQUIRE(test::run_until(pair.loop, [&] { return in.items.size() == data + 2; }));
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at < in.items.size(); ++at)
        if (in.items[at].frame.type == 8)
            places.push_back(at);
    REQUIRE(places.size() == 2);
    CHECK(places[1] == places[0] + 1);
    CHECK(places[0] < data / 2); // what the kernel had taken came first
    CHECK(in.items[places[0]].frame.body == "first");
    CHECK(in.items[places[0]].handles.size() == 1);
}

} // namespace channel_test
