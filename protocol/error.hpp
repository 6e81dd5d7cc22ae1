// What can go wrong on a channel and in a conversation, each told by when it happens.
#pragma once

#include <boost/system/error_code.hpp>
#include <type_traits>

namespace covey::protocol {

enum class error {
    // The peer closed its end between two frames.
    closed = 1,
    // The peer's end went away in the middle of a frame.
    truncated,
    // A frame's header is not one of ours: flags or sequence are wrong, or the length is above
    // frame_bytes_max.
    bad_frame,
    // A frame declares a type that is not in the direction's closed set.
    unknown_message,
    // The body is not the msgpack of that message: other shape, a limit passed, trailing bytes.
    bad_message,
    // A frame came with more or fewer handles than its message carries, or handles came that no
    // frame declared.
    wrong_handles,
    // The kernel dropped handles on the way (MSG_CTRUNC): this process's table is full
    // (RLIMIT_NOFILE). The one error that does not end the channel: the message is here without
    // its handles, to be declined.
    handles_lost,
    // The peer speaks another protocol version.
    wrong_version,
    // A request was answered by a failure: the peer's handler threw. The message says what.
    request_failed,
    // As many requests as may already wait for their replies.
    too_many_requests,
    // The peer could not take a message's handles, asked again and again: its table is full.
    handles_undelivered,
};

boost::system::error_code make_error_code(error code) noexcept;

} // namespace covey::protocol

template <>
struct boost::system::is_error_code_enum<covey::protocol::error> : std::true_type
{};
