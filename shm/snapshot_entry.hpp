// snapshot_entry: one row in a snapshot's file: [key, row, revision, nanoseconds to live or nil].
// A structure is a map by member name, an enumerator an extension of type 1: 8 bytes of its number,
// then its name.
#pragma once

#include "row_value.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace covey::shm {

struct snapshot_entry
{
    row_value key{};
    row_value row{};
    std::uint64_t revision = 0;
    std::optional<std::chrono::nanoseconds> lives{};
};

// Appends it.
void pack(std::string& out, snapshot_entry const& entry);

// The entry that begins at `at`, which moves behind it. Throws std::runtime_error when there is
// none.
snapshot_entry unpack(std::string_view packed, std::size_t& at);

} // namespace covey::shm
