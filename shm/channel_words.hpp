// channel_words: what the master's lane of the statistics counts of its channels to the workers:
// frames by their messages, what ended a channel, and what became of connections that it passed.
// Pure: this room knows the numbers of messages (protocol/messages.hpp), not the messages.
#pragma once

#include "seat_words.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace covey::shm {

enum class frame_way : std::uint8_t { to_worker, from_worker };
inline constexpr std::array<std::string_view, 2> frame_way_names{"to_worker", "from_worker"};

// What is wrong with what a worker said: it is the channel's last frame.
enum class bad_frame : std::uint8_t {
    header, // flags, sequence or length
    unknown_message,
    bad_message,
    wrong_handles,
    wrong_version,
    out_of_place, // a message that is one, at a moment at which it says what is not so
    other,        // the channel could not be read
};
inline constexpr std::array<std::string_view, 7> bad_frame_names{
    "header",        "unknown_message", "bad_message", "wrong_handles",
    "wrong_version", "out_of_place",    "other"};

enum class handoff : std::uint8_t {
    accepted,
    rejected, // the worker gave it back: another one gets it
    returned, // the worker ended before it said either: another one gets it
};
inline constexpr std::array<std::string_view, 3> handoff_names{"accepted", "rejected", "returned"};

// Numbers of messages are 0 to 15, 64 to 79 and 128 to 143; others share the words of these.
inline constexpr std::array<std::uint16_t, 3> first_frame_types{0, 64, 128};
inline constexpr std::size_t frame_types = 48;

constexpr std::size_t frame_word(frame_way way, std::uint16_t type)
{
    std::size_t const range = type / 64u < 2u ? type / 64u : 2u;
    return 896 + static_cast<std::size_t>(way) * frame_types + range * 16 + type % 16u;
}
constexpr std::size_t bad_frame_word(bad_frame what)
{
    return 992 + static_cast<std::size_t>(what);
}
constexpr std::size_t handoff_word(handoff how)
{
    return 1008 + static_cast<std::size_t>(how);
}

static_assert(conflict_word(~std::uint32_t{0}) < frame_word(frame_way::to_worker, 0));
static_assert(frame_word(frame_way::from_worker, 143) < bad_frame_word(bad_frame::header));
static_assert(bad_frame_word(bad_frame::other) < handoff_word(handoff::accepted));
static_assert(handoff_word(handoff::returned) < statistics_words);

} // namespace covey::shm
