// frame_output: frames on their way out, in order, each with its handles.
//
// Handles must ride with the first byte of their own frame, so a frame that has some starts a
// system call of its own; frames without are written many at a time. As soon as a frame's first
// byte has left, the kernel holds the handles and ours are let go.
#pragma once

#include "frame_header.hpp"

#include <covey/protocol/codec.hpp>
#include <covey/protocol/handle.hpp>

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace covey::protocol::detail {

class frame_output
{
  public:
    // A body of any length up to 4 GiB, at most handles_max open handles: the channel has checked.
    void push(frame what, std::vector<shared_handle> handles);

    // Writes until nothing is left or the kernel says no; then the error is what it said.
    boost::system::error_code flush(int socket);

    bool empty() const { return queue_.empty(); }
    std::size_t bytes() const { return bytes_; } // not yet written, headers included

    // Forgets the frames and lets go of their handles.
    void clear();

  private:
    struct outgoing
    {
        header_image header;
        std::string body;
        std::vector<shared_handle> handles; // empty once they have left
        std::size_t written = 0;

        std::size_t size() const { return header.size() + body.size(); }
    };

    boost::system::error_code write_some(int socket);
    void written(std::size_t bytes);

    std::deque<outgoing> queue_;
    std::size_t bytes_ = 0;
    std::uint32_t sequence_ = 0;
};

} // namespace covey::protocol::detail
