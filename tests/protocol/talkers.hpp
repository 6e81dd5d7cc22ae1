// talkers: two messengers that talk to each other on one loop, and a messenger whose peer is a raw
// channel that says any talk.
#pragma once

#include "wire.hpp"

#include <chrono>
#include <covey/protocol/datum_codec.hpp>
#include <covey/protocol/messenger.hpp>
#include <deque>
#include <fstream>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace covey::test {

using namespace std::chrono_literals;
using protocol::talk;
using protocol::talk_kind;

// What a messenger's application heard.
struct application
{
    std::vector<message> messages;
    std::vector<std::string> errors;
    std::optional<error_code> ended;

    explicit application(messenger& to, bool takes_messages = true)
    {
        if (takes_messages)
            take_messages(to);
        to.on_error([this](std::string what) { errors.push_back(std::move(what)); });
        to.on_end([this](error_code why) { ended = why; });
    }
    void take_messages(messenger& to)
    {
        to.on_message([this](message said) { messages.push_back(std::move(said)); });
    }
};

struct two_talkers
{
    explicit two_talkers(messenger_limits limits = {})
        : two_talkers{protocol::make_socket_pair(), limits}
    {}

    template <class Condition>
    bool run_until(Condition condition)
    {
        return test::run_until(loop, condition);
    }

    net::io_context loop{1};
    std::optional<messenger> left;
    std::optional<messenger> right;

  private:
    two_talkers(std::pair<handle, handle> ends, messenger_limits limits)
        : left{std::in_place, loop.get_executor(), std::move(ends.first), limits}
        , right{std::in_place, loop.get_executor(), std::move(ends.second), limits}
    {}
};

// The peer of `left` says what it likes, and hears what comes.
struct raw_talker
{
    raw_talker()
        : raw_talker{protocol::make_socket_pair()}
    {}

    void say(talk_kind kind, std::uint64_t number, std::vector<unsigned char> body = {},
             std::vector<unsigned char> kinds = {}, std::vector<shared_handle> handles = {})
    {
        peer.send(talk{static_cast<std::uint8_t>(kind), number, std::move(body), std::move(kinds)},
                  std::move(handles));
    }
    template <class Condition>
    bool run_until(Condition condition)
    {
        return test::run_until(loop, condition);
    }
    std::size_t heard_of(talk_kind kind) const
    {
        std::size_t count = 0;
        for (talk const& each : heard)
            count += each.kind == static_cast<std::uint8_t>(kind) ? 1 : 0;
        return count;
    }

    net::io_context loop{1};
    messenger left;
    protocol::peer_channel peer;
    std::vector<talk> heard;
    std::size_t handles_heard = 0;

  private:
    explicit raw_talker(std::pair<handle, handle> ends)
        : left{loop.get_executor(), std::move(ends.first)}
        , peer{loop.get_executor(), std::move(ends.second)}
    {
        listen();
    }
    void listen()
    {
        peer.async_receive([this](error_code failed, protocol::envelope<protocol::from_peer> in) {
            if (failed)
                return;
            heard.push_back(std::get<talk>(in.message));
            handles_heard += in.handles.size();
            listen();
        });
    }
};

inline std::vector<unsigned char> body_of(datum const& value)
{
    return *protocol::encode_datum(value);
}

// The address sanitizer keeps freed memory resident, so there is nothing to compare under it.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool memory_is_given_back = false;
#else
inline constexpr bool memory_is_given_back = true;
#endif

// Resident bytes of this process.
inline std::size_t resident_bytes()
{
    std::ifstream file{"/proc/self/statm"};
    std::size_t whole = 0, resident = 0;
    file >> whole >> resident;
    return resident * 4096;
}

} // namespace covey::test
