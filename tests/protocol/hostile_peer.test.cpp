// What a compromised worker can send: it ends its own channel, with a reason, and costs nothing.
#include "protocol/wire.hpp"
#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/wait_until.hpp"

#include <optional>

namespace hostile_peer_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::copies;
using covey::test::descriptor_count;
using covey::test::error_code;
using covey::test::raw_frame;
using covey::test::raw_peer;
using covey::test::raw_send;
using covey::test::run_until;

namespace {

// The master's end against a raw peer.
struct hostile_worker
{
    net::io_context loop{1};
    std::pair<handle, handle> ends = make_socket_pair();
    master_channel master{loop.get_executor(), std::move(ends.second)};
    std::optional<error_code> ended;

    bool say(std::string_view bytes, std::vector<shared_handle> const& handles = {})
    {
        return raw_send(ends.first, bytes, handles);
    }
    error_code verdict()
    {
        master.async_receive([this](error_code failed, auto const&) { ended = failed; });
        REQUIRE(run_until(loop, [this] { return ended.has_value(); }));
        return *ended;
    }
};

} // namespace

TEST_CASE("a header that is not ours ends the channel before its body is awaited", "[hostile]")
{
    raw_peer peer{{.frame_bytes_max = 1'000}};
    peer.in.listen(peer.channel);
    REQUIRE(raw_send(peer.raw, raw_frame(0, std::string(1'000, 'x'))));
    SECTION("one byte above the limit")
    {
        raw_send(peer.raw, raw_frame({1'001, 7, 0, 1, 0}, ""));
    }
    SECTION("four gigabytes")
    {
        raw_send(peer.raw, raw_frame({0xffff'ffff, 7, 0, 1, 0}, ""));
    }
    SECTION("flags")
    {
        raw_send(peer.raw, raw_frame({0, 7, 1, 1, 0}, ""));
    }
    SECTION("a sequence number again")
    {
        raw_send(peer.raw, raw_frame({0, 7, 0, 0, 0}, ""));
    }
    SECTION("a sequence number left out")
    {
        raw_send(peer.raw, raw_frame({0, 7, 0, 2, 0}, ""));
    }
    SECTION("words of another protocol")
    {
        raw_send(peer.raw, "GET / HTTP/1.1\r\n\r\n");
    }
    REQUIRE(peer.run_until_ended());
    CHECK(peer.in.ended == error::bad_frame);
    CHECK(peer.in.items.size() == 1); // the one at the limit
    CHECK_FALSE(peer.channel.is_open());
}

TEST_CASE("handles that no frame may have are closed and end the channel", "[hostile]")
{
    auto const before = descriptor_count();
    for (int round = 0; round < 100; ++round) {
        int const kind = round % 8;
        raw_peer peer;
        peer.in.listen(peer.channel);
        std::size_t received = 0;
        switch (kind) {
        case 0: // one more than declared
            REQUIRE(raw_send(peer.raw, raw_frame(0, "x", 1), copies(2)));
            received = 1;
            break;
        case 1: // one less
            REQUIRE(raw_send(peer.raw, raw_frame(0, "x", 2), copies(1)));
            break;
        case 2: // none declared
            REQUIRE(raw_send(peer.raw, raw_frame(0, "x"), copies(1)));
            received = 1;
            break;
        case 3: // as many as the kernel carries
            REQUIRE(raw_send(peer.raw, raw_frame(0, "x", 1), copies(253)));
            break;
        case 4: // more declared than any frame may have
            REQUIRE(raw_send(peer.raw, raw_frame(0, "x", handles_max + 1), copies(65)));
            break;
        case 5: // in the middle of a frame, undeclared
            REQUIRE(raw_send(peer.raw, raw_frame(0, "abc").substr(0, 17)));
            REQUIRE(raw_send(peer.raw, "bc", copies(3)));
            received = 1;
            break;
        case 6: // with every few bytes of a frame that never ends
            raw_send(peer.raw, raw_frame({1'000, 7, 0, 0, 0}, ""));
            for (int chunk = 0; chunk < 5; ++chunk)
                REQUIRE(raw_send(peer.raw, "x", copies(60)));
            break;
        default: // and then gone
            REQUIRE(raw_send(peer.raw, raw_frame(0, "x", 9).substr(0, 9), copies(9)));
            peer.raw.reset();
        }
        REQUIRE(peer.run_until_ended());
        CHECK(peer.in.ended == (kind == 7 ? error::truncated : error::wrong_handles));
        CHECK(peer.in.items.size() == received);
    }
    CHECK(descriptor_count() == before);
}

TEST_CASE("a message of an unknown type ends the channel and its handles are closed", "[hostile]")
{
    auto const before = descriptor_count();
    {
        hostile_worker peer;
        SECTION("without handles")
        {
            peer.say(raw_frame({1, 999, 0, 0, 0}, "\x90"));
        }
        SECTION("with handles")
        {
            peer.say(raw_frame({1, 999, 0, 0, 5}, "\x90"), copies(5));
        }
        SECTION("of the other direction")
        {
            frame const forged = encode(from_master{stop{}});
            peer.say(raw_frame({2, forged.type, 0, 0, 0}, forged.body));
        }
        auto const open = descriptor_count();
        CHECK(peer.verdict() == error::unknown_message);
        CHECK(descriptor_count() == open - 1); // the master's end; nothing that came stayed
        CHECK_FALSE(peer.master.is_open());
    }
    CHECK(descriptor_count() == before);
}

TEST_CASE("a worker cannot slip handles into a message that carries none", "[hostile]")
{
    auto const before = descriptor_count();
    {
        hostile_worker peer;
        frame const out = encode(from_worker{ready{}});
        peer.say(raw_frame({1, out.type, 0, 0, 1}, out.body), copies(1));
        CHECK(peer.verdict() == error::wrong_handles);
    }
    CHECK(descriptor_count() == before);
}

TEST_CASE("malformed messages end their own channel and no other", "[hostile]")
{
    hostile_worker good;
    for (std::string_view const body :
         {"", "\xc1", "\x91", "\x92\x01\x02", "\xdd\xff\xff\xff\xff"}) {
        hostile_worker bad;
        bad.say(
            raw_frame({static_cast<std::uint32_t>(body.size()), accepted::type, 0, 0, 0}, body));
        CHECK(bad.verdict() == error::bad_message);
        CHECK(bad.master.send(stop{}) == send_status::closed);
    }
    frame const out = encode(from_worker{ready{}});
    good.say(raw_frame({1, out.type, 0, 0, 0}, out.body));
    CHECK_FALSE(good.verdict());
    CHECK(good.master.is_open());
}

} // namespace hostile_peer_test
