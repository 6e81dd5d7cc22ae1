#include "ancillary.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

namespace covey::protocol::detail {

namespace {

constexpr std::size_t message_handles_max = 253; // SCM_MAX_FD, unix(7)

// Control data must be aligned as a cmsghdr is.
struct alignas(cmsghdr) control_buffer
{
    std::array<char, CMSG_SPACE(message_handles_max * sizeof(int))> bytes;
};

boost::system::error_code last_error()
{
    return {errno, boost::system::system_category()};
}

// Takes ownership of every descriptor of one control message; `handles` has room for them.
void adopt(cmsghdr const& control, std::vector<handle>& handles)
{
    std::size_t const count = (control.cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t at = 0; at < count; ++at) {
        int number = -1;
        std::memcpy(&number, CMSG_DATA(&control) + at * sizeof(int), sizeof(int));
        handles.emplace_back(number);
    }
}

} // namespace

sent send_with_handles(int socket, std::span<iovec const> pieces,
                       std::span<shared_handle const> handles)
{
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data()); // sendmsg(2) does not write to it
    message.msg_iovlen = pieces.size();

    control_buffer control;
    if (!handles.empty()) {
        if (handles.size() > message_handles_max)
            return {{EINVAL, boost::system::system_category()}, 0};
        std::array<int, message_handles_max> numbers{};
        for (std::size_t at = 0; at < handles.size(); ++at)
            numbers[at] = handles[at]->get();
        std::size_t const size = handles.size() * sizeof(int);
        std::memset(control.bytes.data(), 0, CMSG_SPACE(size));
        message.msg_control = control.bytes.data();
        message.msg_controllen = CMSG_SPACE(size);
        cmsghdr* const rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(size);
        std::memcpy(CMSG_DATA(rights), numbers.data(), size);
    }

    for (;;) {
        ssize_t const count = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0)
            return {{}, static_cast<std::size_t>(count)};
        if (errno != EINTR)
            return {last_error(), 0};
    }
}

received receive_with_handles(int socket, std::span<char> into, std::vector<handle>& handles)
{
    // Room for whatever may come: between the system call and the vector nothing may throw.
    handles.reserve(handles.size() + message_handles_max + 1);

    iovec piece{into.data(), into.size()};
    control_buffer control;
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;

    ssize_t count = 0;
    do {
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0)
        return {last_error(), 0, false};

    for (cmsghdr* next = CMSG_FIRSTHDR(&message); next; next = CMSG_NXTHDR(&message, next))
        if (next->cmsg_level == SOL_SOCKET && next->cmsg_type == SCM_RIGHTS)
            adopt(*next, handles);
    return {{}, static_cast<std::size_t>(count), (message.msg_flags & MSG_CTRUNC) != 0};
}

} // namespace covey::protocol::detail
