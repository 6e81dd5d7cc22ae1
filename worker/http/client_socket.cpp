#include "client_socket.hpp"

#include <arpa/inet.h>
#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace covey::http {

namespace {

boost::system::error_code last_error()
{
    return {errno, boost::system::system_category()};
}

} // namespace

std::size_t client_socket::read_some(std::span<char> into, error_code& failed)
{
    auto const got = ::recv(number(), into.data(), into.size(), MSG_DONTWAIT);
    failed = got > 0 ? error_code{} : got == 0 ? error_code{net::error::eof} : last_error();
    return got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::size_t client_socket::write_some(std::string_view from, error_code& failed)
{
    auto const sent = ::send(number(), from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    failed = sent >= 0 ? error_code{} : last_error();
    return sent >= 0 ? static_cast<std::size_t>(sent) : 0;
}

std::string client_socket::peer() const
{
    sockaddr_storage from{};
    ::socklen_t size = sizeof from;
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (::getpeername(number(), reinterpret_cast<sockaddr*>(&from), &size) != 0)
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
    return ::ioctl(number(), FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

void client_socket::end_sending(error_code& failed)
{
    failed = ::shutdown(number(), SHUT_WR) == 0 ? error_code{} : last_error();
}

void client_socket::close()
{
    connection_.reset();
    error_code ignored;
    watched_.close(ignored);
}

client_socket::error_code client_socket::watch()
{
    error_code failed;
    if (!connection_.is_open())
        return failed;
    // On anything else one would wait for a request that cannot come.
    int type = 0;
    ::socklen_t size = sizeof type;
    if (::getsockopt(number(), SOL_SOCKET, SO_TYPE, &type, &size) != 0)
        return last_error();
    if (type != SOCK_STREAM)
        return net::error::operation_not_supported;
    watched_.assign({AF_UNSPEC, 0}, connection_.get(), failed);
    if (!failed)
        static_cast<void>(connection_.release());
    return failed;
}

int client_socket::number() const
{
    return connection_.is_open() ? connection_.get() : watched_.native_handle();
}

} // namespace covey::http
