// frame_input: turns what reads brought, bytes and handles, into frames. No I/O of its own.
//
// Handles wait in a queue and are claimed by the frame that declares them. Since a frame's handles
// ride with its first byte (ancillary.hpp), they are all here by the time its header is: a frame
// that declares more than are waiting, or a handle that waits while no byte of an unfinished frame
// does, is the peer's fault. So is a queue longer than an unfinished frame and the one behind it
// can fill. Memory is bounded by one frame plus one read, whatever a header claims.
#pragma once

#include <covey/protocol/codec.hpp>
#include <covey/protocol/handle.hpp>

#include <boost/system/error_code.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace covey::protocol::detail {

struct incoming
{
    frame what;
    std::vector<handle> handles; // as many as declared; all empty when they were lost
    bool handles_lost = false;
};

class frame_input
{
  public:
    explicit frame_input(std::size_t frame_bytes_max)
        : frame_bytes_max_{frame_bytes_max}
    {}

    // Where the next read goes; never empty. Valid until the next call.
    std::span<char> space();

    // A read put `bytes` bytes there and brought `handles`, which are taken.
    void arrived(std::size_t bytes, std::vector<handle>& handles, bool handles_lost);

    // The next whole frame. Nothing when it has not arrived in full, or, with `failed` set to
    // bad_frame or wrong_handles, when it never can: then the input is at its end.
    std::optional<incoming> next(boost::system::error_code& failed);

    // True between two frames.
    bool at_border() const { return begin_ == end_; }

    // Closes the waiting handles and forgets the bytes.
    void clear();

  private:
    std::span<char const> unread() const { return {buffer_.data() + begin_, end_ - begin_}; }
    boost::system::error_code check(struct frame_header const& header) const;
    bool lost_among(std::size_t count) const;
    void claim(std::size_t count, incoming& into);

    std::size_t frame_bytes_max_;
    std::vector<char> buffer_; // [begin_, end_) is unread, [end_, size) is space
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::deque<handle> waiting_; // an empty one stands for all that were lost in its place
    std::uint32_t sequence_ = 0; // of the next frame
};

} // namespace covey::protocol::detail
