#include "http_client.hpp"

#include <arpa/inet.h>
#include <array>
#include <boost/beast/core/string.hpp>
#include <cerrno>
#include <chrono>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>

namespace covey::test {

namespace {

[[noreturn]] void fail(char const* what)
{
    throw std::system_error{errno, std::generic_category(), what};
}

handle made(int descriptor, char const* what)
{
    if (descriptor < 0)
        fail(what);
    return handle{descriptor};
}

} // namespace

std::string http_response::header(std::string_view name) const
{
    for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
        auto const line = std::string_view{head}.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        auto const colon = line.find(':');
        if (colon == line.npos)
            continue;
        if (boost::beast::iequals({line.data(), colon}, {name.data(), name.size()}))
            return std::string{line.substr(line.find_first_not_of(' ', colon + 1))};
    }
    return {};
}

http_client::http_client(handle connected)
    : socket_{std::move(connected)}
{}

std::pair<handle, http_client> http_client::unix_pair()
{
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
        fail("socketpair");
    return {handle{ends[0]}, http_client{handle{ends[1]}}};
}

std::pair<handle, http_client> http_client::tcp_pair()
{
    auto const listening = made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ::socklen_t size = sizeof address;
    if (::bind(listening.get(), generic, size) != 0 || ::listen(listening.get(), 1) != 0 ||
        ::getsockname(listening.get(), generic, &size) != 0)
        fail("listen");
    auto connecting = made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    if (::connect(connecting.get(), generic, size) != 0)
        fail("connect");
    return {made(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC), "accept4"),
            http_client{std::move(connecting)}};
}

http_client http_client::to_port(std::uint16_t port)
{
    auto connecting = made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    address.sin_port = ::htons(port);
    if (::connect(connecting.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        fail("connect");
    return http_client{std::move(connecting)};
}

bool http_client::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        auto const sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0)
            return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool http_client::receive()
{
    if (ended_)
        return false;
    pollfd readable{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    auto const limit = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    if (::poll(&readable, 1, static_cast<int>(limit.count())) == 0)
        throw std::runtime_error{"nothing came; so far: \"" + received_ + "\""};
    std::array<char, 16384> bytes;
    auto const count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) { // 0 the end, else a reset
        ended_ = true;
        reset_ = count < 0;
        return false;
    }
    received_.append(bytes.data(), static_cast<std::size_t>(count));
    return true;
}

bool http_client::read_until(std::string_view text)
{
    auto const limit = std::chrono::steady_clock::now() + patience;
    while (received_.find(text) == received_.npos)
        if (!receive() || std::chrono::steady_clock::now() > limit)
            return false;
    return true;
}

std::optional<std::string> http_client::read_line()
{
    if (!read_until("\n"))
        return std::nullopt;
    auto line = received_.substr(0, received_.find('\n'));
    received_.erase(0, line.size() + 1);
    return line;
}

http_response http_client::read(bool head_only)
{
    http_response in;
    if (!read_until("\r\n\r\n"))
        return in;
    auto const end = received_.find("\r\n\r\n") + 4;
    in.head = received_.substr(0, end);
    received_.erase(0, end);
    in.status = static_cast<unsigned>(std::stoul(in.head.substr(9, 3)));
    if (head_only || in.status < 200 || in.status == 204 || in.status == 304)
        return in;
    auto const length = in.header("Content-Length");
    if (length.empty()) {
        in.body = read_to_end();
        return in;
    }
    auto const size = std::stoul(length);
    while (received_.size() < size)
        if (!receive())
            throw std::runtime_error{"the connection ended in the middle of a body"};
    in.body = received_.substr(0, size);
    received_.erase(0, size);
    return in;
}

std::string http_client::read_to_end()
{
    while (receive())
        ;
    return std::exchange(received_, {});
}

bool http_client::at_end()
{
    return received_.empty() && !receive();
}

void http_client::end_sending()
{
    ::shutdown(socket_.get(), SHUT_WR);
}

void http_client::close()
{
    socket_.reset();
}

void http_client::abort()
{
    linger const none{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    socket_.reset();
}

} // namespace covey::test
