// datum_codec: datum to msgpack and back. Beside codec.cpp, datum_codec.cpp is the one file that
// includes msgpack.
#pragma once

#include "datum.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace covey::protocol {

inline constexpr std::size_t datum_depth_max = 64; // arrays and maps inside one another

// One msgpack value. Nothing when the value is deeper than datum_depth_max.
std::optional<std::vector<unsigned char>> encode_datum(datum const& value);

// Decodes what a peer sent, trusting nothing: one whole value with nothing behind it, no deeper
// than datum_depth_max. Nothing when it is not. Never throws. Lengths are never believed: what is
// allocated is at most sizeof(datum), two of them for a member, a byte that has arrived.
std::optional<datum> decode_datum(std::span<unsigned char const> from) noexcept;

} // namespace covey::protocol
