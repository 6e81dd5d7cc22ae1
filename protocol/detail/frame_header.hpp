// frame_header: the 16 bytes in front of every frame; codec.hpp says what they mean.
#pragma once

#include <covey/protocol/codec.hpp>

#include <array>
#include <boost/endian/conversion.hpp>
#include <cstdint>
#include <span>

namespace covey::protocol::detail {

struct frame_header
{
    std::uint32_t length = 0;
    std::uint16_t type = 0;
    std::uint16_t flags = 0;
    std::uint32_t sequence = 0;
    std::uint32_t fd_count = 0;
};

using header_image = std::array<unsigned char, header_bytes>;

inline header_image store(frame_header const& header)
{
    header_image to{};
    boost::endian::store_little_u32(&to[0], header.length);
    boost::endian::store_little_u16(&to[4], header.type);
    boost::endian::store_little_u16(&to[6], header.flags);
    boost::endian::store_little_u32(&to[8], header.sequence);
    boost::endian::store_little_u32(&to[12], header.fd_count);
    return to;
}

// The first header_bytes of `from`, which has at least so many.
inline frame_header load(std::span<char const> from)
{
    auto const* const bytes = reinterpret_cast<unsigned char const*>(from.data());
    return {boost::endian::load_little_u32(bytes), boost::endian::load_little_u16(bytes + 4),
            boost::endian::load_little_u16(bytes + 6), boost::endian::load_little_u32(bytes + 8),
            boost::endian::load_little_u32(bytes + 12)};
}

} // namespace covey::protocol::detail
