#include "peer.hpp"

#include <cerrno>
#include <covey/protocol/detail/ancillary.hpp>
#include <cstring>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace covey::fuzz {

namespace {

constexpr std::size_t handles_per_message = 253; // SCM_MAX_FD, unix(7)

handle make_one(kind of, std::uint32_t number)
{
    switch (of) {
    case kind::pipe: {
        std::array<int, 2> ends{-1, -1};
        claim(::pipe2(ends.data(), O_CLOEXEC) == 0, "a pipe can be made");
        handle{ends[1]}.reset();
        return handle{ends[0]};
    }
    case kind::file:
        return handle{::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)};
    case kind::socket:
        return handle{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    default:
        return handle{::eventfd(number, EFD_CLOEXEC | EFD_NONBLOCK)};
    }
}

// The number of a numbered handle: what the eventfd counts from. 0 of any other kind.
std::uint32_t number_of(handle const& of)
{
    struct stat what
    {};
    std::uint64_t number = 0;
    bool const is_anonymous = ::fstat(of.get(), &what) == 0 && (what.st_mode & S_IFMT) == 0;
    if (!is_anonymous || ::read(of.get(), &number, sizeof number) != sizeof number)
        return 0;
    return static_cast<std::uint32_t>(number);
}

} // namespace

std::vector<shared_handle> make_handles(std::size_t count, kind of, std::uint32_t first_number)
{
    std::vector<shared_handle> made;
    for (std::size_t at = 0; at < count; ++at) {
        made.push_back(share(make_one(of, first_number + static_cast<std::uint32_t>(at))));
        claim(made.back()->is_open(), "there is room for the handles of one message");
    }
    return made;
}

std::string image(protocol::detail::frame_header const& header, std::size_t size)
{
    auto const front = protocol::detail::store(header);
    return std::string{front.begin(), front.end()}.append(size, 'b');
}

peer::peer(handle socket)
    : socket_{std::move(socket)}
{}

std::size_t peer::say(std::string_view bytes, std::size_t handles, kind of)
{
    if (!socket_.is_open() || bytes.empty())
        return 0;
    handles = std::min(handles, handles_per_message);
    bool const is_itself = of == kind::itself && handles > 0;
    has_passed_itself = has_passed_itself || is_itself;
    auto const passed = is_itself ? std::vector(handles, share(socket_.duplicate()))
                                  : make_handles(handles, of, numbers_);
    iovec const piece{const_cast<char*>(bytes.data()), bytes.size()};
    auto const sent = protocol::detail::send_with_handles(socket_.get(), {&piece, 1}, passed);
    if (sent.failed)
        return 0;
    numbers_ += static_cast<std::uint32_t>(handles);
    said_ += bytes.substr(0, sent.bytes);
    return sent.bytes;
}

void peer::was_heard(protocol::frame const& got, std::vector<handle> const& handles, bool lost)
{
    claim(said_.size() - heard_ >= protocol::header_bytes, "a frame was said before it is heard");
    auto const header = protocol::detail::load(std::string_view{said_}.substr(heard_));
    heard_ += protocol::header_bytes;
    claim(header.flags == 0 && header.sequence == heard_frames_++, "a frame heard is a right one");
    claim(header.type == got.type && header.length == got.body.size(),
          "its header is what was said");
    claim(said_.compare(heard_, header.length, got.body) == 0, "its body is what was said");
    heard_ += header.length;

    claim(header.fd_count == handles.size(), "a frame has as many handles as it declares");
    claim(!lost || table_was_full, "handles are lost only to a full table");
    for (handle const& each : handles) {
        claim(each.is_open() == !lost, "handles are all open or all lost");
        ++claimed_;
        if (auto const number = lost ? 0 : number_of(each)) {
            claim(number == claimed_ || (table_was_full && number > claimed_),
                  "handles are claimed in the order in which they were sent");
            claimed_ = number;
        }
    }
    if (table_was_full && lost)
        claimed_ -= static_cast<std::uint32_t>(handles.size()); // who knows which these were
}

void peer::will_be_told(protocol::frame const& what, std::size_t handles)
{
    told_ += image({static_cast<std::uint32_t>(what.body.size()), what.type, 0, told_frames_++,
                    static_cast<std::uint32_t>(handles)},
                   0);
    told_ += what.body;
}

void peer::read(std::size_t bytes, std::size_t room)
{
    if (!socket_.is_open())
        return;
    room = std::min(room, handles_per_message);
    std::vector<char> into(bytes);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(handles_per_message * sizeof(int))> control{};
    iovec piece{into.data(), into.size()};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = room == 0 ? 0 : CMSG_SPACE(room * sizeof(int));
    auto const count = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    for (auto* next = CMSG_FIRSTHDR(&message); next; next = CMSG_NXTHDR(&message, next))
        for (std::size_t at = CMSG_LEN(0); at < next->cmsg_len; at += sizeof(int)) {
            int number = -1;
            std::memcpy(&number, reinterpret_cast<char*>(next) + at, sizeof number);
            handle{number}.reset();
        }
    if (count <= 0)
        return;
    auto const size = static_cast<std::size_t>(count);
    claim(size <= told_.size(), "what is read was sent");
    claim(told_.compare(0, size, into.data(), size) == 0, "as it was sent");
    told_.erase(0, size);
}

void peer::shut(int how)
{
    if (socket_.is_open())
        ::shutdown(socket_.get(), how);
}

// A loaded machine's limit may be a million: then a look would cost more than an input.
table::table()
{
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = size;
    claim(::setrlimit(RLIMIT_NOFILE, &limit) == 0, "this many descriptors are allowed");
    before_ = look();
}

// One system call: poll(2) tells which descriptors there are not.
std::array<bool, table::size> table::look()
{
    std::array<pollfd, size> every{};
    for (std::size_t number = 0; number < size; ++number)
        every[number].fd = static_cast<int>(number);
    claim(::poll(every.data(), size, 0) >= 0, "the table can be looked at");
    std::array<bool, size> open{};
    for (std::size_t number = 0; number < size; ++number)
        open[number] = (every[number].revents & POLLNVAL) == 0;
    return open;
}

table_limit::table_limit(std::size_t room)
{
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit now = before_;
    handle const lowest_free{::dup(0)};
    claim(lowest_free.is_open(), "there is room to ask for room");
    now.rlim_cur = static_cast<rlim_t>(lowest_free.get()) + room;
    ::setrlimit(RLIMIT_NOFILE, &now);
}

} // namespace covey::fuzz
