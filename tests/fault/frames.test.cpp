// Frames as an attack: whatever bytes come, the receiver's channel ends for a documented reason or
// goes on, and a conversation beside it on the same loop notices nothing.
#include "protocol/wire.hpp"
#include "support/campaign.hpp"

#include <algorithm>
#include <boost/mp11/algorithm.hpp>
#include <optional>
#include <string>
#include <type_traits>

namespace frames_test {

using namespace covey;
using namespace covey::protocol;
using covey::test::campaign;
using covey::test::error_code;
using covey::test::times;

namespace {

using random_engine = std::mt19937_64;

// A stream of frames of both directions with a few bytes changed, dropped, or added.
std::pair<std::string, int> hostile_stream(random_engine& random, std::vector<frame> const& corpus)
{
    std::string stream;
    auto const frames = static_cast<std::uint32_t>(1 + random() % 3);
    for (std::uint32_t sequence = 0; sequence < frames; ++sequence) {
        frame const& of = corpus[random() % corpus.size()];
        detail::frame_header header{static_cast<std::uint32_t>(of.body.size()), of.type, 0,
                                    sequence, 0};
        switch (random() % 24) {
        case 0:
            header.length = static_cast<std::uint32_t>(random());
            break;
        case 1:
            header.length += static_cast<std::uint32_t>(random() % 5) - 2;
            break;
        case 2:
            header.type = static_cast<std::uint16_t>(random());
            break;
        case 3:
            header.flags = static_cast<std::uint16_t>(random());
            break;
        case 4:
            header.sequence += static_cast<std::uint32_t>(random() % 3) - 1;
            break;
        case 5:
            header.fd_count = static_cast<std::uint32_t>(random() >> (random() % 64));
            break;
        default:
            break;
        }
        stream += test::raw_frame(header, of.body);
    }
    for (auto edits = random() % 3; edits > 0; --edits) {
        auto const at = random() % stream.size();
        if (random() % 2 != 0)
            stream[at] = static_cast<char>(random());
        else
            stream.insert(at, 1, static_cast<char>(random()));
    }
    return {stream, static_cast<int>(frames)};
}

std::vector<frame> one_of_each()
{
    std::vector<frame> all;
    boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, from_master>>(
        [&](auto of) { all.push_back(encode(from_master{typename decltype(of)::type{}})); });
    boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, from_worker>>(
        [&](auto of) { all.push_back(encode(from_worker{typename decltype(of)::type{}})); });
    all.push_back({accepted::type, "\xdd\xff\xff\xff\xff"}); // an array of four thousand million
    all.push_back({accepted::type, "\xc1"});                 // never used by msgpack
    all.push_back({accepted::type, std::string(10'000, '\x91')});
    return all;
}

// Hears a typed channel until it ends.
template <class In>
struct ear
{
    std::size_t messages = 0;
    std::size_t handles = 0;
    std::optional<error_code> ended;

    template <class Channel>
    void listen(Channel& to)
    {
        to.async_receive([this, &to](error_code failed, envelope<In> got) {
            if (failed && failed != error::handles_lost) {
                ended = failed;
                return;
            }
            ++messages;
            handles += got.handles.size();
            listen(to);
        });
    }
};

// How the stream is cut into system calls.
std::size_t piece(random_engine& random, std::size_t cut, std::size_t left)
{
    switch (cut) {
    case 0: // whole
        return left;
    case 1: // one byte at a time, for as long as that is no waste of time
        return left < 500 ? 1 : left;
    default:
        return 1 + random() % std::min<std::size_t>(left, 40);
    }
}

// Says one stream to a fresh channel and tells how it ended.
template <class In, class Channel>
void attack(campaign& run, random_engine& random, net::io_context& loop, std::string const& stream)
{
    auto ends = make_socket_pair();
    Channel channel{loop.get_executor(), std::move(ends.second)};
    ear<In> in;
    in.listen(channel);
    auto const cut = random() % 3;
    for (std::size_t said = 0; said < stream.size() && !in.ended;) {
        auto const size = piece(random, cut, stream.size() - said);
        test::raw_send(ends.first, std::string_view{stream}.substr(said, size));
        said += size;
        loop.poll();
    }
    ends.first.reset();
    run.expect(test::run_until(loop, [&] { return in.ended.has_value(); }), "the channel ends");
    run.count("messages understood", in.messages);
    if (!in.ended)
        return;
    for (error const reason : {error::closed, error::truncated, error::bad_frame,
                               error::bad_message, error::unknown_message, error::wrong_handles})
        if (*in.ended == reason)
            return run.count(in.ended->message());
    run.expect(false, "a channel ends for no other reason: " + in.ended->message());
}

} // namespace

TEST_CASE("random frames are messages or end their own channel and no other", "[fault]")
{
    campaign run{"malformed frames"};
    auto random = run.random();
    auto const corpus = one_of_each();
    net::io_context loop{1};
    auto ends = make_socket_pair();
    master_channel good_master{loop.get_executor(), std::move(ends.first)};
    worker_channel good_worker{loop.get_executor(), std::move(ends.second)};
    ear<from_worker> good;
    good.listen(good_master);

    std::size_t said = 0;
    auto const wanted = times(100'000, 10'000'000);
    for (int frames = 0; frames < wanted;) {
        auto const [stream, count] = hostile_stream(random, corpus);
        if (random() % 2 != 0)
            attack<from_worker, master_channel>(run, random, loop, stream);
        else
            attack<from_master, worker_channel>(run, random, loop, stream);
        frames += count;
        run.count("frames", static_cast<std::size_t>(count));
        if (said % 10 == 0)
            run.expect(good_worker.send(accepted{said}) == send_status::sent, "others can send");
        ++said;
    }
    auto const sent = (said + 9) / 10;
    run.expect(test::run_until(loop, [&] { return good.messages == sent; }), "others are heard");
    run.expect(good_master.is_open() && good_worker.is_open(), "others stay open");
    good_master.close();
    good_worker.close();
    loop.poll();
    run.count("messages beside them", good.messages);
}

} // namespace frames_test
