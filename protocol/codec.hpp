// codec: message to frame body and back. codec.cpp includes msgpack.
//
// A frame on the wire is a header of 16 bytes, little-endian, and a body:
//   0  u32 length    bytes of the body, 0 .. frame_bytes_max
//   4  u16 type      the message's number (messages.hpp)
//   6  u16 flags     0 in version 1; anything else is a bad frame
//   8  u32 sequence  counts the frames of one direction from 0, modulo 2^32
//  12  u32 fd_count  handles that belong to this frame, 0 .. handles_max
// The body is one msgpack array: the message's members in their described order.
#pragma once

#include "control_messages.hpp"
#include "messages.hpp"

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

namespace covey::protocol {

inline constexpr std::size_t header_bytes = 16;
inline constexpr std::size_t handles_max = 64; // decisions.md: handles per frame

struct frame
{
    std::uint16_t type = 0;
    std::string body;
};

// What a sender has to say goes in two lanes: a frame of the house overtakes data that has not
// begun to leave, so that no order and no receipt waits behind what applications say. Within a lane
// the order stays.
enum class lane { house, data };

// Changes, and what applications say; the receipts of a conversation are the house's.
lane lane_of(from_master const& message);
lane lane_of(from_worker const& message);
lane lane_of(from_peer const& message);
lane lane_of(from_tool const& message);
lane lane_of(to_tool const& message);

frame encode(from_master const& message);
frame encode(from_worker const& message);
frame encode(from_peer const& message);
frame encode(from_tool const& message);
frame encode(to_tool const& message);

// Decodes what a peer sent, trusting nothing: errors unknown_message, bad_message, wrong_handles.
// Unpack limits: one array of no more than the message's members, nothing nested in it, strings
// and binaries no longer than the body, no maps, no ext. Never throws, allocates no more than the
// body's size and a little. On an error `out` is as it was.
boost::system::error_code decode(frame const& in, std::size_t handles, from_master& out);
boost::system::error_code decode(frame const& in, std::size_t handles, from_worker& out);
boost::system::error_code decode(frame const& in, std::size_t handles, from_peer& out);
boost::system::error_code decode(frame const& in, std::size_t handles, from_tool& out);
boost::system::error_code decode(frame const& in, std::size_t handles, to_tool& out);

} // namespace covey::protocol
