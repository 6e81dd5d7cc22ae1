// notification_socket: stands where a service manager's is (sd_notify(3)): an abstract address,
// "@" in the variable.
#pragma once

#include "support/catch.hpp"

#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace covey::test {

class notification_socket
{
  public:
    notification_socket()
        : name_{"covey-notify-" + std::to_string(::getpid())}
        , socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}
    {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path + 1, name_.data(), name_.size());
        auto const bytes = offsetof(sockaddr_un, sun_path) + 1 + name_.size();
        REQUIRE(::bind(socket_.get(), static_cast<sockaddr*>(static_cast<void*>(&address)),
                       static_cast<socklen_t>(bytes)) == 0);
    }

    std::string address() const { return "@" + name_; }

    // The oldest text that has been told and not been asked for; none when there is none.
    std::optional<std::string> next() const
    {
        char text[512];
        auto const bytes = ::recv(socket_.get(), text, sizeof text, 0);
        if (bytes < 0)
            return std::nullopt;
        return std::string{text, static_cast<std::size_t>(bytes)};
    }

    // All of them.
    std::vector<std::string> heard() const
    {
        std::vector<std::string> out;
        while (auto text = next())
            out.push_back(std::move(*text));
        return out;
    }

  private:
    std::string name_;
    handle socket_;
};

} // namespace covey::test
