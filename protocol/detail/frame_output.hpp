// frame_output: frames on their way out, each with its handles, in two lanes.
//
// A frame of the house goes before every frame of data that has not begun to leave; within a lane
// they keep their order. One that is partly written is finished first, so a frame gets its number
// in the sequence only with its first byte.
//
// Handles must ride with the first byte of their own frame, so a frame that has some starts a
// system call of its own; frames without are written many at a time. As soon as a frame's first
// byte has left, the kernel holds the handles and ours are let go.
#pragma once

#include "frame_header.hpp"

#include <covey/protocol/codec.hpp>
#include <covey/protocol/handle.hpp>

#include <array>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace covey::protocol::detail {

// What keeping a frame costs beside its bytes, rounded up: a flood of small frames is bounded by
// the memory that it takes.
inline constexpr std::size_t frame_weight = 128;

class frame_output
{
  public:
    // A body of any length up to 4 GiB, at most handles_max open handles: the channel has checked.
    void push(frame what, std::vector<shared_handle> handles, lane in);

    // Writes until nothing is left or the kernel says no; then the error is what it said.
    boost::system::error_code flush(int socket);

    bool empty() const { return queue_.empty(); }
    // Not written: headers included, and frame_weight a frame.
    std::size_t bytes() const { return bytes_[0] + bytes_[1]; }
    std::size_t bytes(lane in) const { return bytes_[static_cast<std::size_t>(in)]; }

    // Forgets the frames and lets go of their handles.
    void clear();

  private:
    struct outgoing
    {
        frame_header about;
        lane in{};
        header_image header{};
        std::string body;
        std::vector<shared_handle> handles; // empty once they have left
        std::size_t written = 0;

        std::size_t size() const { return header.size() + body.size(); }
    };

    static_assert(sizeof(outgoing) <= frame_weight);

    boost::system::error_code write_some(int socket);
    void written(std::size_t bytes);

    std::deque<outgoing> queue_; // the house's before the data, but for a first one that has begun
    std::size_t of_the_house_ = 0;
    std::array<std::size_t, 2> bytes_{}; // by lane
    std::uint32_t sequence_ = 0;         // of the next frame that begins to leave
};

} // namespace covey::protocol::detail
