#include "listener.hpp"

#include "listen_address.hpp"
#include "start_error.hpp"
#include "steering.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <covey/protocol/log.hpp>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <utility>

namespace covey::supervision {

namespace {

[[noreturn]] void cannot_listen(std::string const& address, int code)
{
    char const* advice = "choose another --listen";
    if (code == EADDRINUSE)
        advice = "stop the program that has it or choose another --listen";
    else if (code == EACCES)
        advice = "use a port above 1023 or run with CAP_NET_BIND_SERVICE";
    else if (code == EADDRNOTAVAIL)
        advice = "choose an address that this machine has";
    else if (code == EMFILE || code == ENFILE)
        advice = "raise the limit of open files (ulimit -n)";
    throw start_error{{code, boost::system::system_category()},
                      fmt::format("listen on {}: {}; {}", address, std::strerror(code), advice)};
}

// A bound-to address of either family, in the form the kernel takes.
struct endpoint
{
    sockaddr_storage storage{};
    socklen_t bytes = sizeof(sockaddr_storage);

    sockaddr* generic() { return static_cast<sockaddr*>(static_cast<void*>(&storage)); }
};

endpoint resolve(std::string const& text, listen_address const& wanted)
{
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    auto const port = std::to_string(wanted.port);
    if (int const wrong = ::getaddrinfo(wanted.host.c_str(), port.c_str(), &hints, &found))
        throw start_error{
            boost::system::errc::make_error_code(boost::system::errc::address_not_available),
            fmt::format("listen on {}: {}; choose a host that this machine has", text,
                        ::gai_strerror(wrong))};
    std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> const owned{found, &::freeaddrinfo};
    endpoint out;
    out.bytes = found->ai_addrlen;
    std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
    return out;
}

std::string text_of(endpoint& bound)
{
    std::array<char, NI_MAXHOST> host{};
    std::array<char, NI_MAXSERV> port{};
    ::getnameinfo(bound.generic(), bound.bytes, host.data(), host.size(), port.data(), port.size(),
                  NI_NUMERICHOST | NI_NUMERICSERV);
    bool const v6 = bound.storage.ss_family == AF_INET6;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", host.data(), v6 ? "]" : "", port.data());
}

handle make_socket(std::string const& text, int family)
{
    handle made{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!made.is_open())
        cannot_listen(text, errno);
    return made;
}

void set(handle const& socket, int level, int option)
{
    int const on = 1;
    ::setsockopt(socket.get(), level, option, &on, sizeof on);
}

// Binds one socket; `bound` then holds the real port, for the next ones.
//
// The first of a reuseport group binds without SO_REUSEPORT, so a port that another program shares
// in the same way is an error rather than a half of the connections; the option is set before
// listen(), which is when the kernel makes the group.
handle bind_tcp(std::string const& text, endpoint& bound, bool group, bool first)
{
    auto made = make_socket(text, bound.storage.ss_family);
    set(made, SOL_SOCKET, SO_REUSEADDR);
    set(made, IPPROTO_TCP, TCP_NODELAY); // accepted sockets inherit it: no call for each of them
    if (bound.storage.ss_family == AF_INET6)
        set(made, IPPROTO_IPV6, IPV6_V6ONLY); // "[::]:80" and "0.0.0.0:80" are two addresses
    if (group && !first)
        set(made, SOL_SOCKET, SO_REUSEPORT);
    if (::bind(made.get(), bound.generic(), bound.bytes) != 0)
        cannot_listen(text, errno);
    if (group && first)
        set(made, SOL_SOCKET, SO_REUSEPORT);
    bound.bytes = sizeof bound.storage;
    if (::getsockname(made.get(), bound.generic(), &bound.bytes) != 0)
        cannot_listen(text, errno);
    return made;
}

void listen_on(std::string const& text, handle const& socket)
{
    if (::listen(socket.get(), backlog) != 0)
        cannot_listen(text, errno);
}

bool is_listening(handle const& socket)
{
    int listens = 0;
    int type = 0;
    socklen_t bytes = sizeof listens;
    return ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &bytes) == 0 &&
           listens != 0 && ::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
           type == SOCK_STREAM;
}

// Of a unix socket: its path, which stays the service manager's to remove.
std::string text_of_unix(endpoint const& bound)
{
    std::string path{
        static_cast<sockaddr_un const*>(static_cast<void const*>(&bound.storage))->sun_path,
        bound.bytes - offsetof(sockaddr_un, sun_path)};
    if (path.starts_with('\0'))
        path.front() = '@'; // abstract, as everybody writes it
    return "unix:" + path.substr(0, path.find('\0'));
}

} // namespace

void listener::grow(std::uint32_t seats)
{
    while (grows_ && sockets_.size() < seats)
        try {
            endpoint bound;
            ::getsockname(sockets_.front()->get(), bound.generic(), &bound.bytes);
            auto made = bind_tcp(address_, bound, true, false);
            listen_on(address_, made);
            sockets_.push_back(share(std::move(made)));
        } catch (start_error const& failed) {
            grows_ = false;
            log::warning(fmt::format("{}; seats from {} on share their siblings' sockets",
                                     failed.what(), sockets_.size()));
        }
}

void listener::steer(std::vector<bool> const& attended)
{
    bool const somebody = std::find(attended.begin(), attended.end(), true) != attended.end();
    if (attended.size() < 2 || !somebody || attended == steered_)
        return;
    steered_ = attended;
    if (!supervision::steer(*sockets_.front(), attended))
        log::warning(fmt::format("listen on {}: the kernel goes on choosing seats that nobody "
                                 "serves: {}; their connections are passed on",
                                 address_, std::strerror(errno)));
}

listener::listener(std::string const& asked, handle inherited)
{
    endpoint bound;
    if (!is_listening(inherited) ||
        ::getsockname(inherited.get(), bound.generic(), &bound.bytes) != 0)
        throw start_error{boost::system::errc::make_error_code(boost::system::errc::not_a_socket),
                          fmt::format("listen on {}: it is no listening stream socket; write "
                                      "ListenStream= and Accept=no in its unit",
                                      asked)};
    ::fcntl(inherited.get(), F_SETFL, ::fcntl(inherited.get(), F_GETFL) | O_NONBLOCK);
    bool const is_unix = bound.storage.ss_family == AF_UNIX;
    if (!is_unix)
        set(inherited, IPPROTO_TCP, TCP_NODELAY); // connections inherit it
    address_ = is_unix ? text_of_unix(bound) : text_of(bound);
    sockets_.push_back(share(std::move(inherited)));
}

listener::listener(std::string const& address, std::uint32_t seats)
    : address_{address}
{
    listen_address wanted;
    if (auto wrong = parse(address, wanted); !wrong.empty())
        throw start_error{
            boost::system::errc::make_error_code(boost::system::errc::invalid_argument), wrong};

    std::vector<handle> made;
    if (wanted.is_unix()) {
        made.push_back(make_socket(address, AF_UNIX));
        path_ = unix_socket_path{wanted.path, made.front()};
    } else {
        auto bound = resolve(address, wanted);
        grows_ = seats > 0;
        for (std::uint32_t i = 0; i < std::max(seats, 1U); ++i)
            made.push_back(bind_tcp(address, bound, grows_, i == 0));
        address_ = text_of(bound);
    }
    for (auto& socket : made) {
        listen_on(address, socket);
        sockets_.push_back(share(std::move(socket)));
    }
}

} // namespace covey::supervision
