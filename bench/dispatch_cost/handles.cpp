#include "handles.hpp"

#include "harness_fail.hpp"
#include "server.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <covey/master/dispatch.hpp>
#include <covey/master/handover.hpp>
#include <covey/protocol/channel.hpp>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <variant>

namespace covey::bench {

namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;
using boost::system::error_code;

constexpr auto limit = 60s;

double per_second(std::int64_t count, clock::duration took)
{
    return static_cast<double>(count) / std::chrono::duration<double>{took}.count();
}

handle listening_socket()
{
    handle out{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(out.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 ||
        ::listen(out.get(), 1) != 0)
        fail("listen");
    return out;
}

// ---- raw
// -----------------------------------------------------------------------------------------

// A message of one byte and room for one descriptor.
struct raw_message
{
    raw_message()
    {
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
    }
    raw_message(raw_message const&) = delete;
    raw_message& operator=(raw_message const&) = delete;

    char byte = 0;
    iovec piece{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
};

void send_raw(handle const& to, int descriptor)
{
    raw_message out;
    auto* const header = CMSG_FIRSTHDR(&out.message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    if (::sendmsg(to.get(), &out.message, MSG_NOSIGNAL) != 1)
        fail("sendmsg");
}

handle receive_raw(handle const& from)
{
    raw_message in;
    if (::recvmsg(from.get(), &in.message, MSG_CMSG_CLOEXEC) != 1)
        fail("recvmsg");
    auto const* const header = CMSG_FIRSTHDR(&in.message);
    if (header == nullptr)
        throw std::runtime_error{"a descriptor was lost"};
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    return handle{descriptor};
}

// ---- covey
// ---------------------------------------------------------------------------------------

// Calls `hear` with everything that comes until it says that this was the last.
template <class Channel, class Hear>
void receive_all(Channel& channel, Hear hear)
{
    channel.async_receive([&channel, hear](error_code failed, auto in) mutable {
        if (failed)
            throw boost::system::system_error{failed};
        if (hear(in))
            receive_all(channel, hear);
    });
}

void take_handles(handle socket, std::int64_t count)
{
    protocol::net::io_context loop{1};
    protocol::worker_channel channel{loop.get_executor(), std::move(socket)};
    std::int64_t taken = 0;
    receive_all(channel, [&](protocol::envelope<protocol::from_master>& in) {
        if (in.handles_lost != 0)
            throw std::runtime_error{"a handle was lost"};
        auto const& passed = std::get<protocol::connection>(in.message);
        channel.send(protocol::accepted{passed.ticket + in.handles.size() - 1});
        taken += static_cast<std::int64_t>(in.handles.size());
        in.handles.clear();
        return taken != count;
    });
    loop.run();
}

// As worker_life does: a window's room is filled, then sent.
void give_handles(handle socket, std::int64_t count)
{
    protocol::net::io_context loop{1};
    protocol::master_channel channel{loop.get_executor(), std::move(socket)};
    auto const passed = share(listening_socket());
    supervision::handover books;
    std::int64_t sent = 0;
    auto const fill = [&] {
        for (; sent != count && books.size() != supervision::window; ++sent)
            books.add({passed, 0, 0, std::nullopt});
        while (auto const parcel = books.next()) {
            channel.send(parcel->message, parcel->handles);
            books.left(*parcel);
        }
    };
    receive_all(channel, [&](protocol::envelope<protocol::from_worker> const& in) {
        books.accepted(std::get<protocol::accepted>(in.message).ticket);
        fill();
        return books.size() != 0;
    });
    fill();
    loop.run();
}

} // namespace

double pass_raw(std::int64_t count)
{
    auto const passed = listening_socket();
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        fail("socketpair");
    handle const ours{ends[0]};
    handle theirs{ends[1]};
    child receiver{[&] {
        for (std::int64_t taken = 0; taken != count; ++taken)
            receive_raw(theirs);
        if (::send(theirs.get(), "!", 1, MSG_NOSIGNAL) != 1)
            fail("send");
    }};
    theirs.reset();
    auto const begin = clock::now();
    for (std::int64_t sent = 0; sent != count; ++sent)
        send_raw(ours, passed.get());
    char all = 0;
    if (::recv(ours.get(), &all, 1, 0) != 1)
        fail("recv");
    auto const took = clock::now() - begin;
    receiver.wait(limit);
    return per_second(count, took);
}

double pass_covey(std::int64_t count)
{
    auto ends = protocol::make_socket_pair();
    child receiver{[&] {
        ends.first.reset();
        take_handles(std::move(ends.second), count);
    }};
    ends.second.reset();
    auto const begin = clock::now();
    give_handles(std::move(ends.first), count);
    auto const took = clock::now() - begin;
    receiver.wait(limit);
    return per_second(count, took);
}

double pass_node(std::int64_t count)
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        fail("pipe");
    handle const said{ends[0]};
    handle output{ends[1]};
    auto sender = child::of_program(find_program("node"),
                                    {"node", BENCH_PEERS "/handles.js", std::to_string(count)},
                                    output, SIGTERM);
    output.reset();
    std::string text(32, '\0');
    auto const got = ::read(said.get(), text.data(), text.size());
    if (got <= 0)
        throw std::runtime_error{"node handles.js said nothing"};
    auto const took = std::chrono::nanoseconds{std::stoll(text)};
    sender.wait(limit);
    return per_second(count, took);
}

} // namespace covey::bench
