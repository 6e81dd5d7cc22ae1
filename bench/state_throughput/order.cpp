#include "order.hpp"

#include "harness_fail.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sstream>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace covey::bench {

namespace {

constexpr int patience_ms = 120'000; // a player fills its store first
constexpr std::string_view ready = "ready";

sockaddr_un address_of(std::string const& path)
{
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    if (path.size() >= sizeof out.sun_path)
        throw std::runtime_error{"too long for a socket's path: " + path};
    std::memcpy(out.sun_path, path.data(), path.size());
    return out;
}

handle make_socket()
{
    handle out{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!out.is_open())
        fail("socket");
    return out;
}

void wait_for(handle const& socket, char const* what)
{
    pollfd watched{.fd = socket.get(), .events = POLLIN, .revents = 0};
    if (::poll(&watched, 1, patience_ms) != 1)
        throw std::runtime_error{fmt::format("{} within {} s", what, patience_ms / 1'000)};
}

} // namespace

std::int64_t now_ns()
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

line_socket::line_socket(handle connected)
    : socket_{std::move(connected)}
{}

line_socket line_socket::to(std::string const& path)
{
    auto made = make_socket();
    auto const address = address_of(path);
    if (::connect(made.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0)
        fail("connect");
    return line_socket{std::move(made)};
}

void line_socket::send(std::string line)
{
    line += '\n';
    for (std::size_t at = 0; at != line.size();) {
        auto const sent = ::send(socket_.get(), line.data() + at, line.size() - at, MSG_NOSIGNAL);
        if (sent < 0)
            fail("send");
        at += static_cast<std::size_t>(sent);
    }
}

std::optional<std::string> line_socket::receive()
{
    for (std::size_t searched = 0;;) {
        if (auto const end = buffer_.find('\n', searched); end != std::string::npos) {
            auto line = buffer_.substr(0, end);
            buffer_.erase(0, end + 1);
            return line;
        }
        searched = buffer_.size();
        std::array<char, 65'536> piece;
        auto const got = ::recv(socket_.get(), piece.data(), piece.size(), 0);
        if (got < 0 && errno != ECONNRESET)
            fail("recv");
        if (got <= 0)
            return std::nullopt;
        buffer_.append(piece.data(), static_cast<std::size_t>(got));
    }
}

pid_t line_socket::peer() const
{
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
        fail("ask who is connected");
    return who.pid;
}

player_socket::player_socket(std::string const& path)
    : lines_{line_socket::to(path)}
{}

std::optional<order> player_socket::next()
{
    if (!std::exchange(said_ready_, true))
        lines_.send(std::string{ready});
    auto const line = lines_.receive();
    if (!line)
        return std::nullopt;
    order out;
    std::istringstream{*line} >> out.what >> out.writes_percent >> out.start_ns >> out.length_ns;
    return out;
}

void player_socket::answer(std::vector<double> const& samples)
{
    lines_.send(fmt::format("{:.3f}", fmt::join(samples, " ")));
}

order_desk::order_desk(std::string path)
    : path_{std::move(path)}
    , listening_{make_socket()}
{
    auto const address = address_of(path_);
    if (::bind(listening_.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) !=
            0 ||
        ::listen(listening_.get(), 16) != 0)
        fail("listen");
}

line_socket order_desk::next_player()
{
    wait_for(listening_, "no player came");
    line_socket player{handle{::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC)}};
    if (player.receive() != ready)
        throw std::runtime_error{"a player did not get ready"};
    return player;
}

void send(line_socket& player, order const& wanted)
{
    player.send(fmt::format("{} {} {} {}", wanted.what, wanted.writes_percent, wanted.start_ns,
                            wanted.length_ns));
}

std::vector<double> receive_samples(line_socket& player)
{
    auto const line = player.receive();
    if (!line)
        throw std::runtime_error{"a player has gone"};
    std::vector<double> out;
    std::istringstream words{*line};
    for (double sample = 0; words >> sample;)
        out.push_back(sample);
    if (out.empty())
        throw std::runtime_error{"not samples: " + *line};
    return out;
}

} // namespace covey::bench
