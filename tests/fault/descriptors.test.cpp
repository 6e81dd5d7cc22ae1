// Descriptors as an attack, on the master's end and on a worker's: any number of any kind beside
// any message. Who sends other ones than declared, or than the message carries, is told apart and
// ended, and every descriptor that came is closed; a receiver whose table is full loses handles,
// not the conversation.
#include "fault/strangers.hpp"
#include "protocol/wire.hpp"
#include "support/campaign.hpp"
#include "support/descriptor_limit.hpp"

#include <algorithm>
#include <array>
#include <boost/mp11/algorithm.hpp>
#include <optional>
#include <type_traits>

namespace descriptors_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::campaign;
using covey::test::descriptor_count;
using covey::test::error_code;
using covey::test::times;

namespace {

constexpr std::array<std::size_t, 6> counts{0, 1, 2, 64, 65, 253};
constexpr std::size_t waiting_max = 2 * handles_max; // README.md: unclaimed handles at a receiver

template <class In>
std::vector<frame> every_message()
{
    std::vector<frame> all;
    boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, In>>(
        [&](auto of) { all.push_back(encode(In{typename decltype(of)::type{}})); });
    all.push_back({999, "\x90"}); // no such message
    return all;
}

// What becomes of one frame that declares handles, and of the channel.
struct outcome
{
    bool understood = false;
    error_code ended = error::closed;
};

template <class In>
outcome expected(frame const& what, std::size_t declared, std::size_t attached)
{
    In message;
    if (declared > handles_max || attached < declared || attached > waiting_max)
        return {false, error::wrong_handles};
    if (auto const refused = decode(what, declared, message))
        return {false, refused};
    return {true, attached > declared ? error::wrong_handles : error::closed};
}

template <class In, class Channel>
outcome attack(frame const& what, std::size_t declared, std::vector<shared_handle> const& attached)
{
    net::io_context loop{1};
    auto ends = make_socket_pair();
    Channel channel{loop.get_executor(), std::move(ends.second)};
    outcome got;
    std::optional<error_code> ended;
    std::size_t handles = 0;
    auto const listen = [&](auto self) -> void {
        channel.async_receive([&, self](error_code failed, envelope<In> in) {
            if (failed) {
                ended = failed;
                return;
            }
            got.understood = true;
            handles += in.handles.size();
            self(self);
        });
    };
    listen(listen);
    auto const size = static_cast<std::uint32_t>(what.body.size());
    auto const declares = static_cast<std::uint32_t>(declared);
    REQUIRE(test::raw_send(
        ends.first, test::raw_frame({size, what.type, 0, 0, declares}, what.body), attached));
    ends.first.reset();
    REQUIRE(test::run_until(loop, [&] { return ended.has_value(); }));
    CHECK(handles == (got.understood ? declared : 0));
    got.ended = *ended;
    return got;
}

template <class In, class Channel>
void attack_with_everything(campaign& run)
{
    for (auto const& what : every_message<In>())
        for (auto const& kind : test::strangers)
            for (auto const declared : counts)
                for (auto const count : counts) {
                    auto const made = share(kind.make());
                    REQUIRE(made->is_open());
                    auto const before = descriptor_count();
                    auto const got = attack<In, Channel>(what, declared, std::vector(count, made));
                    auto const wanted = expected<In>(what, declared, count);
                    INFO("type " << what.type << ", declared " << declared << ", attached " << count
                                 << ", " << kind.what << ": " << got.ended.message());
                    run.expect(got.understood == wanted.understood, "a message is understood");
                    run.expect(got.ended == wanted.ended, "the channel ends for the right reason");
                    run.expect(descriptor_count() == before, "what came is closed");
                    run.count("frames");
                    run.count("descriptors", count);
                    run.count(got.ended == error::closed ? "let pass" : "senders ejected");
                }
}

} // namespace

TEST_CASE("whatever descriptors come with whatever message, none stays", "[fault]")
{
    campaign run{"descriptors beside messages"};
    for (int round = 0; round < times(1, 100); ++round) {
        attack_with_everything<from_worker, master_channel>(run);
        attack_with_everything<from_master, worker_channel>(run);
    }
    run.expect_descriptors_back();
}

TEST_CASE("a receiver without room loses handles and not the conversation", "[fault]")
{
    campaign run{"a receiver at its limit"};
    for (int round = 0; round < times(1, 1'000); ++round)
        for (std::size_t const count : {1, 2, 63, 64})
            for (std::size_t const room : {std::size_t{0}, std::size_t{1}, count - 1}) {
                if (room >= count)
                    continue;
                test::raw_peer peer;
                auto const sent = static_cast<std::uint32_t>(count);
                REQUIRE(test::raw_send(peer.raw, test::raw_frame(0, "poor", sent),
                                       test::copies(count)));
                REQUIRE(test::raw_send(peer.raw, test::raw_frame(1, "rich", sent),
                                       test::copies(count)));
                peer.in.listen(peer.channel);
                auto const base = descriptor_count();
                {
                    test::descriptor_limit const limit{room};
                    REQUIRE(peer.run_until_received(1));
                }
                run.expect(peer.in.items[0].failed == error::handles_lost, "the loss is told");
                run.expect(descriptor_count() == base, "what arrived of it is closed");
                REQUIRE(peer.run_until_received(2));
                auto const& rich = peer.in.items[1];
                run.expect(!rich.failed && rich.handles.size() == count &&
                               std::all_of(rich.handles.begin(), rich.handles.end(),
                                           [](handle const& it) { return it.is_open(); }),
                           "the next frame has its handles");
                run.expect(peer.channel.is_open(), "the channel lives");
                run.count("messages that lost their handles");
            }
    run.expect_descriptors_back();
}

} // namespace descriptors_test
