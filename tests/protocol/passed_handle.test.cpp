// Handles beside the messages of applications: what they are, whose they are, and what is done when
// they are lost on the way.
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/descriptor_limit.hpp"
#include "talkers.hpp"

#include <boost/asio/connect_pipe.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/asio/write.hpp>

namespace passed_handle_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::application;
using covey::test::body_of;
using covey::test::error_code;
using covey::test::raw_talker;
using covey::test::two_talkers;
using namespace std::chrono_literals;
using net::ip::tcp;
using net::ip::udp;
using unix_stream = net::local::stream_protocol;

namespace {

tcp::endpoint const loopback{net::ip::make_address("127.0.0.1"), 0};

} // namespace

TEST_CASE("every kind of handle arrives as its Asio object", "[passed_handle]")
{
    two_talkers talk;
    application right{*talk.right};
    tcp::acceptor acceptor{talk.loop, loopback};
    auto const address = acceptor.local_endpoint();
    tcp::socket client{talk.loop};
    client.connect(address);
    auto connection = acceptor.accept();
    net::write(client, net::buffer("at once", 7)); // before it is passed
    udp::socket datagrams{talk.loop, udp::endpoint{net::ip::make_address("127.0.0.1"), 0}};
    unix_stream::socket one{talk.loop}, other{talk.loop};
    net::local::connect_pair(one, other);
    net::readable_pipe reading{talk.loop};
    net::writable_pipe writing{talk.loop};
    net::connect_pipe(reading, writing);

    CHECK(talk.left->send("all", {pass(std::move(acceptor)), pass(std::move(connection)),
                                  pass(std::move(datagrams)), pass(std::move(one)),
                                  pass(std::move(reading)), pass(test::make_handle())}) ==
          send_status::sent);
    REQUIRE(talk.run_until([&] { return right.messages.size() == 1; }));
    auto& got = right.messages[0].handles;
    REQUIRE(got.size() == 6);
    std::vector<handle_kind> kinds;
    for (auto const& each : got)
        kinds.push_back(each.kind());
    CHECK(kinds == std::vector{handle_kind::tcp_listener, handle_kind::tcp_connection,
                               handle_kind::udp, handle_kind::unix_connection, handle_kind::pipe,
                               handle_kind::fd});

    error_code failed;
    auto wrong = got[0].take<tcp::socket>(talk.loop.get_executor(), failed);
    CHECK(failed == net::error::invalid_argument);
    CHECK_FALSE(wrong.is_open());
    auto also_wrong = got[4].take<net::writable_pipe>(talk.loop.get_executor(), failed);
    CHECK(failed == net::error::invalid_argument);

    auto listening = got[0].take<tcp::acceptor>(talk.loop.get_executor());
    CHECK(listening.local_endpoint() == address);
    CHECK_FALSE(got[0].is_open());
    auto served = got[1].take<tcp::socket>(talk.loop.get_executor());
    std::string first(7, '\0');
    net::read(served, net::buffer(first));
    CHECK(first == "at once");
    CHECK(got[2].take<udp::socket>(talk.loop.get_executor()).is_open());
    auto mate = got[3].take<unix_stream::socket>(talk.loop.get_executor());
    net::write(mate, net::buffer("x", 1));
    auto pipe = got[4].take<net::readable_pipe>(talk.loop.get_executor());
    net::write(writing, net::buffer("p", 1));
    CHECK(net::read(pipe, net::buffer(first, 1)) == 1);
    CHECK(got[5].take<net::posix::stream_descriptor>(talk.loop.get_executor()).is_open());
}

TEST_CASE("a unix listener is told from a unix connection", "[passed_handle]")
{
    net::io_context loop{1};
    unix_stream::acceptor acceptor{loop};
    acceptor.open();
    acceptor.bind(unix_stream::endpoint{std::string{"\0covey-passed-handle", 20}});
    acceptor.listen();
    passed_handle passed = pass(std::move(acceptor));
    CHECK(passed.kind() == handle_kind::unix_listener);
    CHECK(passed.take<unix_stream::acceptor>(loop.get_executor()).is_open());
}

TEST_CASE("a handle that was sent is gone, and one that is kept open is not", "[passed_handle]")
{
    two_talkers talk;
    application right{*talk.right};
    auto const given = pass(test::make_handle());
    CHECK(talk.left->send(1, {given, given}) == send_status::invalid);
    CHECK(given.is_open());
    CHECK(talk.left->send(1, {given}) == send_status::sent);
    CHECK_FALSE(given.is_open());
    CHECK(talk.left->send(2, {given}) == send_status::invalid);

    handle const ours = test::make_handle();
    auto const kept = keep_open(ours);
    CHECK(talk.left->send(3, {kept}) == send_status::sent);
    CHECK(talk.left->send(4, {kept}) == send_status::sent);
    CHECK(kept.is_open());
    REQUIRE(talk.run_until([&] { return right.messages.size() == 3; }));
    for (auto& each : right.messages)
        CHECK(each.handles.at(0).release().is_open());
}

TEST_CASE("a refused send leaves the handle where it was", "[passed_handle]")
{
    two_talkers talk;
    talk.left->close();
    auto given = pass(test::make_handle());
    CHECK(talk.left->send(1, {given}) == send_status::closed);
    CHECK(given.is_open());
    CHECK(given.release().is_open());
}

TEST_CASE("order holds across messages with and without handles", "[passed_handle]")
{
    two_talkers talk;
    application right{*talk.right};
    for (int i = 0; i < 300; ++i) {
        std::vector<passed_handle> handles;
        if (i % 10 == 5)
            handles.push_back(pass(test::make_handle()));
        REQUIRE(talk.left->send(i, std::move(handles)) <= send_status::queued);
    }
    REQUIRE(talk.run_until([&] { return right.messages.size() == 300; }));
    for (int i = 0; i < 300; ++i) {
        auto const& got = right.messages[static_cast<std::size_t>(i)];
        CHECK(got.body == datum{i});
        CHECK(got.handles.size() == (i % 10 == 5 ? 1 : 0));
    }
}

TEST_CASE("a large message and its handles arrive together, and 64 handles in one",
          "[passed_handle]")
{
    two_talkers talk;
    application right{*talk.right};
    std::string const body(800'000, 'l');
    CHECK(talk.left->send(body, {pass(test::make_handle())}) == send_status::queued);
    REQUIRE(talk.run_until([&] { return right.messages.size() == 1; }));
    CHECK((right.messages[0].body == datum{body}));
    CHECK(right.messages[0].handles.size() == 1);
    handle const ours = test::make_handle();
    CHECK(talk.left->send(2, std::vector<passed_handle>(1, keep_open(ours))) == send_status::sent);
    std::vector<passed_handle> many;
    for (int i = 0; i < 64; ++i)
        many.push_back(keep_open(ours));
    CHECK(talk.left->send(3, many) == send_status::sent);
    REQUIRE(talk.run_until([&] { return right.messages.size() == 3; }));
    CHECK(right.messages[2].handles.size() == 64);
}

TEST_CASE("ten thousand passes in both directions at once leave no descriptor behind",
          "[passed_handle]")
{
    auto const before = test::descriptor_count();
    {
        two_talkers talk;
        int arrived[2] = {0, 0}, left[2] = {5'000, 5'000};
        messenger* const ends[2] = {&*talk.left, &*talk.right};
        for (int side = 0; side < 2; ++side)
            ends[side]->on_message([&, side](message said) {
                if (said.handles.size() == 1 && said.handles[0].is_open())
                    ++arrived[side];
            });
        std::function<void(int)> const pour = [&](int side) {
            for (; left[side] > 0; --left[side])
                if (ends[side]->send(1, {pass(test::make_handle())}) == send_status::would_block)
                    return ends[side]->async_drained([&, side](error_code failed) {
                        if (!failed)
                            pour(side);
                    });
        };
        pour(0);
        pour(1);
        REQUIRE(talk.run_until([&] { return arrived[0] == 5'000 && arrived[1] == 5'000; }));
        bool flushed = false;
        talk.left->async_flushed([&](error_code failed) { flushed = !failed; });
        REQUIRE(talk.run_until([&] { return flushed; }));
    }
    CHECK(test::descriptor_count() == before);
}

TEST_CASE("handles that were lost are sent again, and order holds meanwhile", "[passed_handle]")
{
    two_talkers talk;
    application right{*talk.right};
    REQUIRE(talk.left->send("one") == send_status::sent);
    REQUIRE(talk.left->send("two", {pass(test::make_handle())}) == send_status::sent);
    REQUIRE(talk.left->send("three") == send_status::sent);
    {
        test::descriptor_limit const full;
        REQUIRE(talk.run_until([&] { return right.messages.size() == 1; }));
        talk.loop.poll();
    }
    REQUIRE(talk.run_until([&] { return right.messages.size() == 3; }));
    CHECK(right.messages[1].body == datum{"two"});
    REQUIRE(right.messages[1].handles.size() == 1);
    CHECK(right.messages[1].handles[0].is_open());
    CHECK(right.messages[2].body == datum{"three"});
}

TEST_CASE("handles that cannot be taken are given up, told, and nothing else is lost",
          "[passed_handle]")
{
    two_talkers talk;
    application left{*talk.left}, right{*talk.right};
    std::optional<error_code> answered;
    // Kept open: giving one up would make room for the other.
    handle const ours = test::make_handle();
    auto const first = keep_open(ours), second = keep_open(ours);
    {
        test::descriptor_limit const full;
        REQUIRE(talk.left->send("with", {first}) == send_status::sent);
        talk.left->async_request("ask", {second}, 30s,
                                 [&](error_code failed, message) { answered = failed; });
        REQUIRE(talk.left->send("without") == send_status::sent);
        REQUIRE(talk.run_until([&] { return right.messages.size() == 1 && answered; }));
    }
    CHECK(right.messages[0].body == datum{"without"});
    CHECK(*answered == error::handles_undelivered);
    REQUIRE(talk.run_until([&] { return left.errors.size() == 2; }));
    REQUIRE(talk.left->send("later", {pass(test::make_handle())}) == send_status::sent);
    REQUIRE(talk.run_until([&] { return right.messages.size() == 2; }));
    CHECK(right.messages[1].handles.size() == 1);
}

TEST_CASE("handles of another kind than was said, or none there is, are closed and told",
          "[passed_handle]")
{
    auto const before = test::descriptor_count();
    {
        raw_talker talk;
        application left{talk.left};
        auto const kind = [](handle_kind of) { return static_cast<unsigned char>(of); };
        talk.say(talk_kind::message, 1, body_of(1), {kind(handle_kind::tcp_listener)},
                 test::copies(1));
        talk.say(talk_kind::message, 2, body_of(2), {99}, test::copies(1));
        talk.say(talk_kind::message, 3, body_of(3), {kind(handle_kind::fd)}, test::copies(2));
        talk.say(talk_kind::message, 4, body_of(4), {}, test::copies(1));
        talk.say(talk_kind::message, 0, body_of(5), {kind(handle_kind::fd)}, test::copies(1));
        talk.say(talk_kind::again, 6, {}, {kind(handle_kind::fd)}, test::copies(1));
        talk.say(talk_kind::message, 7, body_of(7), {kind(handle_kind::fd)}, test::copies(1));
        REQUIRE(talk.run_until([&] { return left.messages.size() == 1; }));
        CHECK(left.messages[0].body == datum{7});
        REQUIRE(talk.run_until([&] { return left.errors.size() == 5; }));
        CHECK(talk.left.is_open());
    }
    CHECK(test::descriptor_count() == before);
}

} // namespace passed_handle_test
