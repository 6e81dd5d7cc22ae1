// peer: the raw end of a channel's socket in a fuzz target: what it has said, what of that has been
// heard, and what it was told; and a look at the process's descriptor table that is cheap enough
// for every input.
#pragma once

#include "script.hpp"

#include <array>
#include <covey/protocol/codec.hpp>
#include <covey/protocol/detail/frame_header.hpp>
#include <covey/protocol/handle.hpp>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <vector>

namespace covey::fuzz {

// What is passed. Numbered ones tell who they are; `itself` is the peer's own end of the socket.
enum class kind : std::uint8_t { numbered, pipe, file, socket, itself };
inline kind kind_of(std::uint8_t byte)
{
    return static_cast<kind>(byte % 5);
}

std::vector<shared_handle> make_handles(std::size_t count, kind of, std::uint32_t first_number);

// A frame's bytes: the header, and a body of `size` bytes.
std::string image(protocol::detail::frame_header const& header, std::size_t size);

class peer
{
  public:
    explicit peer(handle socket);

    // Says as much of a piece of a frame as the kernel takes, with handles beside its first byte;
    // how many bytes that was.
    std::size_t say(std::string_view bytes, std::size_t handles, kind of);

    // The sequence number of the next frame, for one who counts right.
    std::uint32_t next_sequence() { return sequence_++; }

    // The channel has heard a frame: it must be the next one of what was said.
    void was_heard(protocol::frame const& got, std::vector<handle> const& handles, bool lost);
    bool was_heard_out() const { return heard_ == said_.size(); }

    // The channel has taken a frame to send: its bytes must be the next ones to be read.
    void will_be_told(protocol::frame const& what, std::size_t handles);

    // Reads up to `bytes` with room for `room` handles, which are closed.
    void read(std::size_t bytes, std::size_t room);

    void shut(int how);
    void close() { socket_.reset(); }

    // So far what was said is as it should be: frames in their order, handles beside their first
    // byte.
    bool is_honest = true;
    bool table_was_full = false;    // so handles may be lost
    bool has_passed_itself = false; // so the receiver may hold its own peer open
    std::size_t said_bytes() const { return said_.size(); }

  private:
    handle socket_;
    std::string said_;
    std::size_t heard_ = 0;          // of said_
    std::uint32_t sequence_ = 0;     // of the next frame said
    std::uint32_t heard_frames_ = 0; // the sequence number of the next one heard
    std::uint32_t numbers_ = 1;      // of the next handle passed
    std::uint32_t claimed_ = 0;      // the number of the last handle heard of
    std::string told_;               // by the channel, not read yet
    std::uint32_t told_frames_ = 0;
};

// Which descriptors this process has open, of the first `size`.
class table
{
  public:
    table();
    bool is_as_before() const { return look() == before_; }

  private:
    static constexpr std::size_t size = 1'024;
    static std::array<bool, size> look();

    std::array<bool, size> before_;
};

// While it lives this process can open no more than `room` further descriptors.
class table_limit
{
  public:
    explicit table_limit(std::size_t room);
    ~table_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    table_limit(table_limit const&) = delete;
    table_limit& operator=(table_limit const&) = delete;

  private:
    rlimit before_{};
};

} // namespace covey::fuzz
