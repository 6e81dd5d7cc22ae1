#include "passed_handle.hpp"

#include <cerrno>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace covey {

namespace {

// An option of a socket, or -1.
int option(int descriptor, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

} // namespace

std::string_view name(handle_kind kind)
{
    switch (kind) {
    case handle_kind::tcp_listener:
        return "tcp_listener";
    case handle_kind::tcp_connection:
        return "tcp_connection";
    case handle_kind::unix_listener:
        return "unix_listener";
    case handle_kind::unix_connection:
        return "unix_connection";
    case handle_kind::udp:
        return "udp";
    case handle_kind::pipe:
        return "pipe";
    case handle_kind::fd:
        return "fd";
    }
    return "unknown";
}

detail::descriptor_facts detail::facts_of(handle const& what) noexcept
{
    descriptor_facts facts;
    struct stat file = {};
    if (::fstat(what.get(), &file) != 0)
        return facts;
    facts.is_fifo = S_ISFIFO(file.st_mode);
    if (int const flags = ::fcntl(what.get(), F_GETFL); flags >= 0) {
        int const mode = flags & O_ACCMODE;
        facts.is_readable = mode == O_RDONLY || mode == O_RDWR;
        facts.is_writable = mode == O_WRONLY || mode == O_RDWR;
    }
    if (S_ISSOCK(file.st_mode)) {
        facts.family = option(what.get(), SO_DOMAIN);
        facts.type = option(what.get(), SO_TYPE);
        facts.is_listening = option(what.get(), SO_ACCEPTCONN) == 1;
        facts.is_v6 = facts.family == AF_INET6;
    }
    return facts;
}

handle_kind kind_of(handle const& what) noexcept
{
    auto const facts = detail::facts_of(what);
    bool const is_inet = facts.family == AF_INET || facts.family == AF_INET6;
    if (facts.is_fifo)
        return handle_kind::pipe;
    if (is_inet && facts.type == SOCK_DGRAM && option(what.get(), SO_PROTOCOL) == IPPROTO_UDP)
        return handle_kind::udp;
    if (is_inet && facts.type == SOCK_STREAM && option(what.get(), SO_PROTOCOL) == IPPROTO_TCP)
        return facts.is_listening ? handle_kind::tcp_listener : handle_kind::tcp_connection;
    if (facts.family == AF_UNIX && facts.type == SOCK_STREAM)
        return facts.is_listening ? handle_kind::unix_listener : handle_kind::unix_connection;
    return handle_kind::fd;
}

passed_handle::passed_handle(handle given)
    : kind_{kind_of(given)}
{
    if (given.is_open())
        state_ = std::make_shared<state>(state{std::move(given), nullptr, false});
}

passed_handle passed_handle::reusable(handle given)
{
    passed_handle made{std::move(given)};
    if (made.state_)
        made.state_->stays = true;
    return made;
}

handle passed_handle::release()
{
    if (!state_)
        return {};
    if (auto const lent = std::exchange(state_->lent, nullptr))
        return lent->duplicate();
    return std::move(state_->own);
}

void passed_handle::put_back(handle what)
{
    if (state_)
        state_->own = std::move(what);
}

shared_handle passed_handle::lend() const
{
    if (!state_)
        return nullptr;
    if (state_->own.is_open())
        state_->lent = share(std::move(state_->own));
    return state_->lent;
}

void passed_handle::given() noexcept
{
    if (state_ && !state_->stays)
        state_->lent = nullptr;
}

passed_handle keep_open(handle const& original)
{
    return keep_open(original.get());
}

passed_handle keep_open(int descriptor)
{
    int const copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        throw boost::system::system_error{errno, boost::system::system_category(),
                                          "duplicate a descriptor to pass"};
    return passed_handle::reusable(handle{copy});
}

} // namespace covey
