// Bytes through the kernel: a pipe, a stream socket, or two with a process between them that
// copies.
#include "conduct.hpp"
#include "floor_parts.hpp"
#include "floors.hpp"
#include "taker.hpp"

#include <array>
#include <fcntl.h>
#include <memory>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

// What the frame of a relayed change has besides the row on a covey channel, about.
constexpr std::size_t frame_head_bytes = 24;

struct stream
{
    handle in;  // written to
    handle out; // read from
};

stream socket_stream()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        fail("socketpair");
    return {handle{ends[0]}, handle{ends[1]}};
}

stream pipe_stream()
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        fail("pipe");
    return {handle{ends[1]}, handle{ends[0]}};
}

void write_all(handle const& to, std::byte const* bytes, std::size_t count)
{
    while (count != 0) {
        auto const written = ::write(to.get(), bytes, count);
        if (written < 0)
            fail("write");
        bytes += written;
        count -= static_cast<std::size_t>(written);
    }
}

using stream_buffer = std::array<std::byte, 65'536>;

std::size_t read_some(handle const& epoll, handle const& from, std::byte* to, std::size_t most)
{
    wait_on(epoll);
    auto const count = ::read(from.get(), to, most);
    if (count <= 0)
        fail("read");
    return static_cast<std::size_t>(count);
}

[[noreturn]] void relay(handle const& from, handle const& to)
{
    auto const epoll = epoll_of(from.get());
    auto const buffer = std::make_unique<stream_buffer>();
    for (;;)
        write_all(to, buffer->data(), read_some(epoll, from, buffer->data(), buffer->size()));
}

void receive_from(board& shared, run const& made, handle const& from, std::size_t frame_bytes)
{
    taker taking{shared, made, 0};
    auto const epoll = epoll_of(from.get());
    auto const buffer = std::make_unique<stream_buffer>();
    for (std::size_t have = 0; !taking.is_done();) {
        have += read_some(epoll, from, buffer->data() + have, buffer->size() - have);
        std::size_t at = 0;
        for (; have - at >= frame_bytes; at += frame_bytes)
            taking.take(change_bytes::sequence_in(buffer->data() + at), now_ns());
        have -= at;
        std::memmove(buffer->data(), buffer->data() + at, have);
    }
}

void send_to(board& shared, run const& made, handle const& to, std::size_t frame_bytes)
{
    change_bytes change{frame_bytes};
    send_all(shared, made, [&](std::int64_t sequence) {
        auto const& bytes = change.of(sequence);
        write_all(to, bytes.data(), bytes.size());
    });
}

} // namespace

outcome run_stream_floor(run made, std::chrono::milliseconds limit, scratch const&)
{
    auto shared = board::create(made);
    auto const relayed = made.lane == "raw-socket";
    auto const frame_bytes = made.payload + (relayed ? frame_head_bytes : 0);
    auto const first = made.lane == "pipe" ? pipe_stream() : socket_stream();
    auto const second = relayed ? socket_stream() : stream{};
    std::vector<child> processes;
    processes.push_back(process_of(made, 1, [&] {
        receive_from(shared, made, relayed ? second.out : first.out, frame_bytes);
    }));
    if (relayed)
        processes.emplace_back([&] { relay(first.out, second.in); });
    processes.push_back(
        process_of(made, sender_place, [&] { send_to(shared, made, first.in, frame_bytes); }));
    return conduct(shared, made, processes, limit);
}

} // namespace covey::bench
