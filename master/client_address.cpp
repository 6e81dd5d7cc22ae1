#include "client_address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

namespace covey::supervision {

client_address::client_address(sockaddr_storage const& from)
{
    if (from.ss_family == AF_INET) {
        sockaddr_in in{};
        std::memcpy(&in, &from, sizeof in);
        std::memcpy(bytes_.data(), &in.sin_addr, size_ = sizeof in.sin_addr);
    } else if (from.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &from, sizeof in);
        std::memcpy(bytes_.data(), &in.sin6_addr, size_ = sizeof in.sin6_addr);
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
            std::copy(bytes_.begin() + 12, bytes_.end(), bytes_.begin());
            std::fill(bytes_.begin() + 4, bytes_.end(), 0);
            size_ = 4;
        }
    }
}

std::string client_address::text() const
{
    if (!is_known())
        return {};
    std::array<char, INET6_ADDRSTRLEN> out{};
    ::inet_ntop(size_ == 4 ? AF_INET : AF_INET6, bytes_.data(), out.data(), out.size());
    return out.data();
}

} // namespace covey::supervision
