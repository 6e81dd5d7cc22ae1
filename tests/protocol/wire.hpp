// wire: what the protocol tests speak with: a raw end of a socket that says anything a hostile peer
// could say, an inbox that receives until its channel ends, and handles to send.
#pragma once

#include "support/wait_until.hpp"

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/detail/ancillary.hpp>
#include <covey/protocol/detail/frame_header.hpp>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace covey::test {

namespace net = boost::asio;
using boost::system::error_code;

// A frame's bytes, right unless told otherwise.
inline std::string raw_frame(protocol::detail::frame_header header, std::string_view body)
{
    auto const image = protocol::detail::store(header);
    return std::string{image.begin(), image.end()}.append(body);
}

inline std::string raw_frame(std::uint32_t sequence, std::string_view body,
                             std::uint32_t fd_count = 0)
{
    return raw_frame({static_cast<std::uint32_t>(body.size()), 7, 0, sequence, fd_count}, body);
}

// One system call with everything in it; false when the kernel took less.
inline bool raw_send(handle const& socket, std::string_view bytes,
                     std::vector<shared_handle> const& handles = {})
{
    iovec const piece{const_cast<char*>(bytes.data()), bytes.size()};
    auto const sent = protocol::detail::send_with_handles(socket.get(), {&piece, 1}, handles);
    return !sent.failed && sent.bytes == bytes.size();
}

inline handle make_handle()
{
    return handle{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
}

inline shared_handle make_shared_handle()
{
    return share(make_handle());
}

// One handle many times over: descriptors are counted by number, not by file.
inline std::vector<shared_handle> copies(std::size_t count)
{
    return std::vector<shared_handle>(count, make_shared_handle());
}

// A temporary file whose contents tell one handle from another.
inline shared_handle named_handle(std::string_view name)
{
    handle made{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    if (::write(made.get(), name.data(), name.size()) != static_cast<ssize_t>(name.size()))
        throw boost::system::system_error{errno, boost::system::system_category(), "name a handle"};
    return share(std::move(made));
}

inline std::string name_of(handle const& named)
{
    std::string name(64, '\0');
    ssize_t const size = ::pread(named.get(), name.data(), name.size(), 0);
    name.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return name;
}

// Everything a channel hears, until it ends.
struct inbox
{
    struct item
    {
        protocol::frame frame;
        std::vector<handle> handles;
        error_code failed;
    };
    std::vector<item> items;
    error_code ended;

    void listen(protocol::frame_channel& to)
    {
        to.async_receive(
            [this, &to](error_code failed, protocol::frame what, std::vector<handle> handles) {
                if (failed && failed != protocol::error::handles_lost) {
                    ended = failed;
                    return;
                }
                items.push_back({std::move(what), std::move(handles), failed});
                listen(to);
            });
    }
};

// A loop with a channel on it, and the other end of its socket, raw.
struct raw_peer
{
    explicit raw_peer(protocol::channel_limits limits = {})
        : raw_peer{protocol::make_socket_pair(), limits}
    {}

    bool run_until_ended()
    {
        return run_until(loop, [this] { return in.ended.failed(); });
    }
    bool run_until_received(std::size_t count)
    {
        return run_until(loop, [this, count] { return in.items.size() >= count; });
    }

    net::io_context loop{1};
    handle raw;
    protocol::frame_channel channel;
    inbox in;

  private:
    raw_peer(std::pair<handle, handle> ends, protocol::channel_limits limits)
        : raw{std::move(ends.first)}
        , channel{loop.get_executor(), std::move(ends.second), limits}
    {}
};

// Two channels that talk to each other on one loop.
struct two_channels
{
    explicit two_channels(protocol::channel_limits limits = {})
        : two_channels{protocol::make_socket_pair(), limits}
    {}

    net::io_context loop{1};
    protocol::frame_channel left;
    protocol::frame_channel right;

  private:
    two_channels(std::pair<handle, handle> ends, protocol::channel_limits limits)
        : left{loop.get_executor(), std::move(ends.first), limits}
        , right{loop.get_executor(), std::move(ends.second), limits}
    {}
};

} // namespace covey::test
