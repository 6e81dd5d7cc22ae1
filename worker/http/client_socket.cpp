#include "client_socket.hpp"

#include "last_error.hpp"

#include <arpa/inet.h>
#include <array>
#include <boost/asio/error.hpp>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace covey::http {

std::size_t client_socket::read_some(std::span<char> into, error_code& failed)
{
    auto const got = ::recv(connection_.get(), into.data(), into.size(), MSG_DONTWAIT);
    failed = got > 0 ? error_code{} : got == 0 ? error_code{net::error::eof} : last_error();
    is_emptied_ = got < 0 || (!is_ended_ && got < static_cast<ssize_t>(into.size()));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::size_t client_socket::write_some(std::string_view from, error_code& failed)
{
    auto const sent =
        ::send(connection_.get(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    failed = sent >= 0 ? error_code{} : last_error();
    return sent >= 0 ? static_cast<std::size_t>(sent) : 0;
}

std::string client_socket::peer() const
{
    sockaddr_storage from{};
    ::socklen_t size = sizeof from;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::getpeername(connection_.get(), reinterpret_cast<sockaddr*>(&from), &size) != 0)
        return {};
    void const* address = nullptr;
    if (from.ss_family == AF_INET)
        address = &reinterpret_cast<sockaddr_in const&>(from).sin_addr;
    else if (from.ss_family == AF_INET6)
        address = &reinterpret_cast<sockaddr_in6 const&>(from).sin6_addr;
    if (address == nullptr ||
        ::inet_ntop(from.ss_family, address, text.data(), text.size()) == nullptr)
        return {};
    return text.data();
}

std::size_t client_socket::available() const
{
    int bytes = 0;
    return ::ioctl(connection_.get(), FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

void client_socket::end_sending(error_code& failed)
{
    failed = ::shutdown(connection_.get(), SHUT_WR) == 0 ? error_code{} : last_error();
}

void client_socket::told(client_watch::readiness now)
{
    is_emptied_ = is_emptied_ && !now.to_read;
    is_ended_ = is_ended_ || now.ended;
}

void client_socket::close(client_watch::client const& who)
{
    if (is_watched_)
        watch_.forget(connection_.get(), who);
    connection_.reset();
}

client_socket::error_code client_socket::watch_reading(client_watch::client& who)
{
    if (is_watched_)
        return {};
    // On anything else one would wait for a request that cannot come.
    int type = 0;
    ::socklen_t size = sizeof type;
    if (::getsockopt(connection_.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        return last_error();
    if (type != SOCK_STREAM)
        return net::error::operation_not_supported;
    auto const failed = watch_.add(connection_.get(), who);
    is_watched_ = !failed;
    return failed;
}

client_socket::error_code client_socket::watch_writing(client_watch::client& who)
{
    if (auto const failed = watch_reading(who); failed || watches_room_)
        return failed;
    auto const failed = watch_.add_writing(connection_.get(), who);
    watches_room_ = !failed;
    return failed;
}

} // namespace covey::http
