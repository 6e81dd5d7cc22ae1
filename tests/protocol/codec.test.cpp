// The codec: every message there and back, and nothing else in.
#include "support/catch.hpp"
#include "support/seed.hpp"

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <covey/protocol/codec.hpp>
#include <covey/protocol/detail/frame_header.hpp>
#include <covey/protocol/error.hpp>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace codec_test {

using namespace covey::protocol;

namespace {

using random_engine = std::mt19937_64;

template <class Message>
using members_of = boost::describe::describe_members<Message, boost::describe::mod_public>;

template <class Integer>
void randomize(random_engine& random, Integer& value)
{
    value = static_cast<Integer>(random() >> (random() % 64)); // every magnitude
}

void randomize(random_engine& random, std::string& value)
{
    value.resize(random() % 300);
    for (char& each : value)
        each = static_cast<char>(random());
}

void randomize(random_engine& random, std::vector<unsigned char>& value)
{
    value.resize(random() % 70'000);
    for (unsigned char& each : value)
        each = static_cast<unsigned char>(random());
}

template <class Message>
Message random_message(random_engine& random)
{
    Message made;
    boost::mp11::mp_for_each<members_of<Message>>(
        [&](auto member) { randomize(random, made.*member.pointer); });
    return made;
}

template <class Message>
bool same(Message const& left, Message const& right)
{
    bool equal = true;
    boost::mp11::mp_for_each<members_of<Message>>(
        [&](auto member) { equal = equal && left.*member.pointer == right.*member.pointer; });
    return equal;
}

// How many handles README.md allows a message.
struct range
{
    std::size_t least, most;
};
range handles_of(std::uint16_t type)
{
    switch (type) {
    case welcome::type:
        return {1, 2};
    case control::segment::type:
        return {1, 1};
    case connection::type:
    case doorbells::type:
        return {1, 64};
    case listener::type:
    case begin::type:
        return {0, 1};
    case talk::type:
        return {0, 64};
    default:
        return {0, 0};
    }
}

// Calls test(std::type_identity<Message>) for every message of a direction.
template <class Direction, class Test>
void for_each_message(Test test)
{
    boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, Direction>>(test);
}

template <class Direction>
void check_round_trips(random_engine& random)
{
    for_each_message<Direction>([&](auto of) {
        using message = typename decltype(of)::type;
        for (int round = 0; round < 50; ++round) {
            auto const sent = random_message<message>(random);
            frame const wire = encode(Direction{sent});
            REQUIRE(wire.type == message::type);
            Direction got;
            REQUIRE_FALSE(decode(wire, handles_of(wire.type).least, got));
            REQUIRE(std::holds_alternative<message>(got));
            REQUIRE(same(std::get<message>(got), sent));
        }
    });
}

boost::system::error_code decode_body(std::uint16_t type, std::string body)
{
    from_worker out;
    return decode(frame{type, std::move(body)}, 0, out);
}

std::string mutate(random_engine& random, std::string body)
{
    for (auto edits = 1 + random() % 4; edits > 0; --edits) {
        std::size_t const at = body.empty() ? 0 : random() % body.size();
        switch (random() % 4) {
        case 0:
            body.insert(at, 1, static_cast<char>(random()));
            break;
        case 1:
            body.resize(at);
            break;
        case 2:
            if (!body.empty())
                body.erase(at, 1 + random() % 3);
            break;
        default:
            if (!body.empty())
                body[at] = static_cast<char>(random());
        }
    }
    return body;
}

} // namespace

TEST_CASE("every message survives the way there and back", "[codec]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    random_engine random{seed};
    check_round_trips<from_master>(random);
    check_round_trips<from_worker>(random);
    check_round_trips<from_tool>(random);
    check_round_trips<to_tool>(random);
}

TEST_CASE("the example in README.md is what goes over the wire", "[codec]")
{
    using namespace std::string_literals;
    frame const out = encode(from_master{connection{.ticket = 300, .listener = 1}});
    auto const header =
        detail::store({static_cast<std::uint32_t>(out.body.size()), out.type, 0, 12, 1});
    CHECK(std::string{header.begin(), header.end()} == "\x05\0\0\0\x05\0\0\0\x0c\0\0\0\x01\0\0\0"s);
    CHECK(out.body == "\x92\xcd\x01\x2c\x01");
}

TEST_CASE("a message is taken with the handles it carries and no others", "[codec]")
{
    for_each_message<from_master>([](auto of) {
        using message = typename decltype(of)::type;
        frame const wire = encode(from_master{message{}});
        for (std::size_t count = 0; count <= handles_max + 1; ++count) {
            auto const [least, most] = handles_of(message::type);
            from_master got;
            auto const result = decode(wire, count, got);
            CHECK(result == (count < least || count > most ? make_error_code(error::wrong_handles)
                                                           : boost::system::error_code{}));
        }
    });
    from_worker got;
    CHECK(decode(encode(from_worker{ready{}}), 1, got) == error::wrong_handles);
    to_tool answer;
    CHECK(decode(encode(to_tool{control::segment{}}), 0, answer) == error::wrong_handles);
    CHECK_FALSE(decode(encode(to_tool{control::segment{}}), 1, answer));
}

TEST_CASE("a type that is not in the direction's set is unknown", "[codec]")
{
    from_worker worker;
    from_master master;
    CHECK(decode(encode(from_master{stop{}}), 0, worker) == error::unknown_message);
    CHECK(decode(encode(from_worker{ready{}}), 0, master) == error::unknown_message);
    CHECK(decode({0, "\x90"}, 0, worker) == error::unknown_message);
    CHECK(decode({65'535, "\x90"}, 7, master) == error::unknown_message);
    CHECK_FALSE(decode(encode(from_master{change{}}), 0, worker)); // change goes both ways
    from_tool tool;
    CHECK(decode(encode(from_worker{hello{}}), 0, tool) == error::unknown_message);
    CHECK(decode(encode(from_tool{control::hello{}}), 0, worker) == error::unknown_message);
}

TEST_CASE("a body that is not the message's msgpack is refused", "[codec]")
{
    using namespace std::string_literals;
    REQUIRE_FALSE(decode_body(accepted::type, "\x91\x05"));
    REQUIRE_FALSE(decode_body(accepted::type, "\x91\xcf\0\0\0\0\0\0\0\x05"s)); // longer than needed

    auto const [what, body] = GENERATE(table<char const*, std::string>({
        {"nothing", ""},
        {"not an array", "\x05"},
        {"a nil", "\xc0"},
        {"a map", "\x81\x01\x05"},
        {"an empty map", "\x80"},
        {"a byte that msgpack never uses", "\xc1"},
        {"too few members", "\x90"},
        {"too many members", "\x92\x05\x05"},
        {"a member that is missing", "\x91"},
        {"a number cut short", "\x91\xcf\x01"},
        {"a trailing byte", "\x91\x05\x05"},
        {"a second message", "\x91\x05\x91\x05"},
        {"a string for a number", "\x91\xa1\x35"},
        {"a float for a number", "\x91\xca\x40\xa0\x00\x00"s},
        {"a negative number", "\x91\xff"},
        {"a boolean", "\x91\xc3"},
        {"an ext", "\x91\xd4\x01\x01"},
        {"an array in the array", "\x91\x91\x05"},
        {"an array that claims four thousand million members", "\xdd\xff\xff\xff\xff"},
        {"a string that claims four gigabytes", "\x91\xdb\xff\xff\xff\xff"},
        {"a binary that claims four gigabytes", "\x91\xc6\xff\xff\xff\xff"},
        {"a map that claims four thousand million members", "\x91\xdf\xff\xff\xff\xff"},
    }));
    INFO(what);
    CHECK(decode_body(accepted::type, body) == error::bad_message);
    CHECK(decode_body(change::type, body) == error::bad_message);
}

TEST_CASE("arrays a million deep are refused without descending", "[codec]")
{
    CHECK(decode_body(accepted::type, std::string(1'000'000, '\x91')) == error::bad_message);
    CHECK(decode_body(accepted::type, std::string(1'000'000, '\x81')) == error::bad_message);
}

TEST_CASE("an integer that its member cannot hold is refused", "[codec]")
{
    using namespace std::string_literals;
    from_master out;
    auto const listeners = [&](std::string body) { return decode({begin::type, body}, 0, out); };
    CHECK_FALSE(listeners("\x91\xce\xff\xff\xff\xff"));
    CHECK(listeners("\x91\xcf\0\0\0\x01\0\0\0\0"s) == error::bad_message);

    from_worker hello_out; // pid is the one signed member
    CHECK_FALSE(decode({hello::type, "\x92\x01\xff"}, 0, hello_out));
    CHECK(std::get<hello>(hello_out).pid == -1);
    CHECK(decode({hello::type, "\x92\x01\xcf\xff\xff\xff\xff\xff\xff\xff\xff"}, 0, hello_out) ==
          error::bad_message);
}

TEST_CASE("an error leaves the message that was there", "[codec]")
{
    from_worker out = accepted{.ticket = 7};
    CHECK(decode({refused::type, "\x91\x05"}, 0, out) == error::bad_message);
    CHECK(std::get<accepted>(out).ticket == 7);
}

TEST_CASE("a hundred thousand random bodies are messages or refused", "[codec]")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    random_engine random{seed};
    std::vector<frame> corpus;
    for_each_message<from_master>(
        [&](auto of) { corpus.push_back(encode(from_master{typename decltype(of)::type{}})); });
    for_each_message<from_worker>(
        [&](auto of) { corpus.push_back(encode(from_worker{typename decltype(of)::type{}})); });
    for (int round = 0; round < 100'000; ++round) {
        frame in = corpus[random() % corpus.size()];
        in.body = mutate(random, in.body);
        from_master master;
        from_worker worker;
        bool const to_worker = random() % 2 != 0;
        auto const result = to_worker ? decode(in, handles_of(in.type).least, master)
                                      : decode(in, handles_of(in.type).least, worker);
        if (result && result != error::bad_message && result != error::unknown_message)
            FAIL(result.message());
        if (!result && to_worker) // what was understood can be said again
            REQUIRE_FALSE(decode(encode(master), handles_of(in.type).least, master));
    }
}

} // namespace codec_test
