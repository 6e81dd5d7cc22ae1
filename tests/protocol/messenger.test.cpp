// The conversation of two applications: messages, the window, hostile talk, and the end.
#include "support/catch.hpp"
#include "talkers.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>

namespace messenger_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::application;
using covey::test::body_of;
using covey::test::error_code;
using covey::test::raw_talker;
using covey::test::two_talkers;
using namespace std::chrono_literals;

namespace {

bool is_taken(send_status status)
{
    return status == send_status::sent || status == send_status::queued;
}

} // namespace

TEST_CASE("messages arrive in both directions in the order of their sending", "[messenger]")
{
    two_talkers talk;
    application left{*talk.left}, right{*talk.right};
    for (int i = 0; i < 100; ++i) {
        REQUIRE(is_taken(talk.left->send(i)));
        REQUIRE(is_taken(talk.right->send(datum::map{{"number", i}})));
    }
    REQUIRE(talk.run_until(
        [&] { return left.messages.size() == 100 && right.messages.size() == 100; }));
    for (int i = 0; i < 100; ++i) {
        CHECK(right.messages[static_cast<std::size_t>(i)].body == datum{i});
        CHECK(left.messages[static_cast<std::size_t>(i)].body["number"] == datum{i});
    }
    CHECK(left.errors.empty());
}

TEST_CASE("messages that come before a handler is set wait for it", "[messenger]")
{
    two_talkers talk;
    CHECK(talk.left->send("one") == send_status::sent);
    CHECK(talk.left->send("two") == send_status::sent);
    talk.loop.run_for(20ms);
    application right{*talk.right};
    CHECK(right.messages.empty()); // no handler runs inside a call
    REQUIRE(talk.run_until([&] { return right.messages.size() == 2; }));
    CHECK(right.messages[0].body == datum{"one"});
}

TEST_CASE("a handler that throws harms no later message and is told", "[messenger]")
{
    two_talkers talk;
    application right{*talk.right, false};
    int calls = 0;
    talk.right->on_message([&](message const&) {
        if (++calls == 1)
            throw std::runtime_error{"not today"};
    });
    talk.left->send(1);
    talk.left->send(2);
    REQUIRE(talk.run_until([&] { return calls == 2 && !right.errors.empty(); }));
    CHECK(right.errors[0] == "the handler of a message threw: not today (1)");
}

TEST_CASE("a messenger may be destroyed in its own handler", "[messenger]")
{
    two_talkers talk;
    int calls = 0;
    talk.right->on_message([&](message const&) {
        ++calls;
        talk.right.reset();
    });
    application left{*talk.left};
    talk.left->send(1);
    talk.left->send(2);
    REQUIRE(talk.run_until([&] { return left.ended.has_value(); }));
    CHECK(calls == 1);
}

TEST_CASE("send says what is invalid and what is over, and throws nothing", "[messenger]")
{
    two_talkers talk;
    CHECK(talk.left->send(std::string(message_bytes_max + 1, 'x')) == send_status::invalid);
    datum deep;
    for (int i = 0; i < 65; ++i)
        deep = datum::array{std::move(deep)};
    CHECK(talk.left->send(deep) == send_status::invalid);
    CHECK(talk.left->send(1, {passed_handle{}}) == send_status::invalid);
    CHECK(talk.left->send(1, std::vector<passed_handle>(65, keep_open(0))) == send_status::invalid);
    talk.right.reset();
    application left{*talk.left};
    REQUIRE(talk.run_until([&] { return left.ended.has_value(); }));
    CHECK(*left.ended == error::closed);
    CHECK(talk.left->send(1) == send_status::closed);
    CHECK_FALSE(talk.left->is_open());
}

TEST_CASE("a message as large as may be arrives", "[messenger]")
{
    two_talkers talk;
    application right{*talk.right};
    std::string const body(message_bytes_max - 5, 'b'); // 5: how msgpack says its length
    CHECK(talk.left->send(body) == send_status::queued);
    REQUIRE(talk.run_until([&] { return right.messages.size() == 1; }));
    CHECK((right.messages[0].body == datum{body}));
}

// ---- the window ---------------------------------------------------------------------------------

TEST_CASE("a peer whose application takes nothing makes send say would_block", "[messenger]")
{
    two_talkers talk;
    std::string const body(10'000, 'w');
    std::size_t sent = 0;
    auto const fill = [&] {
        while (is_taken(talk.left->send(body)))
            ++sent;
    };
    fill();
    talk.loop.run_for(50ms);
    fill();
    CHECK(talk.left->send(1) == send_status::would_block);
    CHECK(sent * body.size() <= (1 << 20) + body.size());

    bool drained = false;
    talk.left->async_drained([&](error_code failed) { drained = !failed; });
    talk.loop.run_for(50ms);
    CHECK_FALSE(drained);

    // The peer's own words pass meanwhile.
    application left{*talk.left};
    talk.right->send("house");
    REQUIRE(talk.run_until([&] { return left.messages.size() == 1; }));

    application right{*talk.right};
    REQUIRE(talk.run_until([&] { return right.messages.size() == sent && drained; }));
    CHECK(is_taken(talk.left->send("more")));
    REQUIRE(talk.run_until([&] { return right.messages.size() == sent + 1; }));
}

TEST_CASE("two ends that flood each other get all of it through", "[messenger]")
{
    constexpr int count = 3'000;
    two_talkers talk;
    application left{*talk.left}, right{*talk.right};
    std::string const body(5'000, 'f');
    struct flood
    {
        messenger& from;
        std::string const& body;
        int left = count;
        void run()
        {
            while (left > 0) {
                auto const status = from.send(body);
                if (status == send_status::would_block)
                    return from.async_drained([this](error_code failed) {
                        if (!failed)
                            run();
                    });
                REQUIRE(is_taken(status));
                --left;
            }
        }
    };
    flood one{*talk.left, body}, two{*talk.right, body};
    one.run();
    two.run();
    REQUIRE(talk.run_until(
        [&] { return left.messages.size() == count && right.messages.size() == count; }));
}

TEST_CASE("a flood at a peer that never reads keeps memory bounded and the loop live",
          "[messenger]")
{
    net::io_context loop{1};
    auto [ours, theirs] = make_socket_pair();
    messenger talker{loop.get_executor(), std::move(ours)};
    std::string const body(1'000, 'x');
    for (int i = 0; i < 5'000; ++i)
        talker.send(body);
    auto const before = test::resident_bytes();
    std::size_t refused = 0;
    for (int i = 0; i < 100'000; ++i)
        refused += talker.send(body) == send_status::would_block ? 1 : 0;
    CHECK(refused == 100'000);
    CHECK((!test::memory_is_given_back || test::resident_bytes() <= before + (1 << 20)));
    bool alive = false;
    net::post(loop, [&] { alive = true; });
    loop.poll();
    CHECK(alive);
}

TEST_CASE("a peer that ignores its window loses the surplus and nothing else", "[messenger]")
{
    raw_talker talk;
    application left{talk.left, false};
    auto const body = body_of(std::string(100'000, 'x'));
    for (int i = 0; i < 8; ++i)
        talk.say(talk_kind::message, 0, body);
    talk.loop.run_for(50ms);
    for (int i = 0; i < 8; ++i)
        talk.say(talk_kind::message, 0, body);
    REQUIRE(talk.run_until([&] { return left.errors.size() == 5; }));
    left.take_messages(talk.left);
    REQUIRE(talk.run_until([&] { return left.messages.size() == 11; }));
    CHECK(talk.left.is_open());
}

// ---- what a hostile peer says -------------------------------------------------------------------

TEST_CASE("malformed talk is told and ignored, and the conversation lives", "[messenger]")
{
    raw_talker talk;
    application left{talk.left};
    talk.left.on_request([](message) -> net::awaitable<datum> { co_return 1; });
    talk.say(talk_kind::message, 0, {0xc1});
    talk.say(talk_kind::message, 0, {});
    talk.say(talk_kind::message, 0, {0xdd, 0xff, 0xff, 0xff, 0xff});
    talk.say(talk_kind::request, 5, {0x91});
    talk.say(static_cast<talk_kind>(200), 0);
    talk.say(talk_kind::taken, 77);
    talk.say(talk_kind::lost, 77);
    talk.say(talk_kind::again, 77);
    talk.say(talk_kind::withdrawn, 77);
    talk.say(talk_kind::credit, ~0ull);
    talk.say(talk_kind::message, 0, body_of("fine"));
    REQUIRE(talk.run_until([&] { return left.messages.size() == 1 && left.errors.size() == 5; }));
    REQUIRE(talk.run_until([&] { return talk.heard_of(talk_kind::failure) == 1; }));
    CHECK(left.messages[0].body == datum{"fine"});
}

TEST_CASE("a peer that only makes trouble is told of less and less", "[messenger]")
{
    raw_talker talk;
    application left{talk.left};
    std::size_t said = 0;
    for (; said < 1'000; ++said)
        talk.say(static_cast<talk_kind>(99), 0);
    talk.say(talk_kind::message, 0, body_of("end"));
    REQUIRE(talk.run_until([&] { return left.messages.size() == 1; }));
    CHECK(left.errors.size() == 103); // 100, 128, 256, 512
}

// ---- the end ------------------------------------------------------------------------------------

TEST_CASE("a messenger that is closed has said everything first", "[messenger]")
{
    two_talkers talk;
    application left{*talk.left}, right{*talk.right};
    std::string const body(100'000, 'z');
    int sent = 0;
    while (is_taken(talk.left->send(body)))
        ++sent;
    talk.left->close();
    CHECK(talk.left->send(1) == send_status::closed);
    REQUIRE(talk.run_until([&] { return left.ended && right.ended; }));
    CHECK(right.messages.size() == static_cast<std::size_t>(sent));
    CHECK(*right.ended == error::closed);
}

TEST_CASE("closing waits for a peer that does not read no longer than it may", "[messenger]")
{
    net::io_context loop{1};
    auto [ours, theirs] = make_socket_pair();
    messenger talker{loop.get_executor(), std::move(ours)};
    application heard{talker};
    std::string const body(500'000, 'z');
    while (is_taken(talker.send(body))) {
    }
    talker.close(20ms);
    REQUIRE(test::run_until(loop, [&] { return heard.ended.has_value(); }));
}

TEST_CASE("what was heard before the end is given first, then the end, once", "[messenger]")
{
    raw_talker talk;
    for (int i = 0; i < 10; ++i)
        talk.say(talk_kind::message, 0, body_of(i));
    talk.peer.close();
    talk.loop.run_for(20ms);
    CHECK_FALSE(talk.left.is_open());
    int ends = 0;
    std::size_t messages = 0;
    talk.left.on_message([&](message const&) {
        CHECK(ends == 0);
        ++messages;
    });
    talk.left.on_end([&](error_code) { ++ends; });
    talk.loop.restart();
    talk.loop.run_for(20ms);
    CHECK(messages == 10);
    CHECK(ends == 1);
}

} // namespace messenger_test
