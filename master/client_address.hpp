// client_address: where a connection comes from, as balancing needs it: no port, since one client
// has many.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

struct sockaddr_storage;

namespace covey::supervision {

class client_address
{
  public:
    client_address() = default; // not known: a unix socket's client

    // Of an accepted TCP connection. A version 4 address that came in as version 6
    // (::ffff:192.0.2.1) is the version 4 address.
    explicit client_address(sockaddr_storage const& from);

    bool is_known() const { return size_ != 0; }
    std::span<unsigned char const> bytes() const { return {bytes_.data(), size_}; } // 0, 4 or 16
    std::string text() const; // "192.0.2.1", "2001:db8::1", "" when it is not known

    bool operator==(client_address const&) const = default;

  private:
    std::array<unsigned char, 16> bytes_{};
    std::uint8_t size_ = 0;
};

} // namespace covey::supervision
