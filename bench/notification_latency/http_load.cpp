#include "http_load.hpp"

#include "run.hpp"
#include "sending.hpp"

#include <array>
#include <cerrno>
#include <covey/protocol/handle.hpp>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <vector>

namespace covey::bench {

namespace {

constexpr std::size_t connections = 4;
constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";

handle connect_when_up(std::string const& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw std::runtime_error{"too long for a socket's path: " + path};
    std::memcpy(address.sun_path, path.data(), path.size());
    for (int tries = 0;; ++tries) {
        handle out{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (::connect(out.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) == 0)
            return out;
        if (tries == 5'000)
            throw std::system_error{errno, std::system_category(), "connect to " + path};
        sleep_until_ns(now_ns() + 2'000'000);
    }
}

} // namespace

void load_with_http(std::string const& socket_path)
{
    std::vector<handle> all;
    for (std::size_t i = 0; i != connections; ++i)
        all.push_back(connect_when_up(socket_path));
    std::array<char, 4'096> answer{};
    std::vector<bool> asked(connections);
    constexpr std::int64_t apart_ns = 1'000'000'000 / http_requests_a_second;
    for (auto due = now_ns();; due += apart_ns)
        for (std::size_t i = 0; i != connections; ++i, due += i == connections ? 0 : apart_ns) {
            if (asked[i] && ::recv(all[i].get(), answer.data(), answer.size(), 0) <= 0)
                throw std::runtime_error{"the server closed a connection"};
            sleep_until_ns(due);
            if (::send(all[i].get(), request.data(), request.size(), MSG_NOSIGNAL) < 0)
                throw std::system_error{errno, std::system_category(), "send a request"};
            asked[i] = true;
        }
}

} // namespace covey::bench
