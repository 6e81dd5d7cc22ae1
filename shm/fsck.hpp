// fsck: whether what a segment derives is what its rows say.
//
// Chains, owners, counts, hints, leases, rings and lanes are looked at from the outside, without a
// lock and without a write, as inspect maps them. What a writer that lives is in the middle of is
// left out (its intent tells), and what has changed by the next look is no finding, so it may run
// beside a cluster at work. It finds what is damaged in how rows hang together, a key that is not
// where its hash puts it, bytes that no row of the type has; not a number that was changed into
// another number.
#pragma once

#include "segment.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace covey {

class inspect;
struct row_type;

namespace shm {
class arena;
}

struct finding
{
    std::optional<region> where{};       // none: of the segment as a whole
    std::optional<std::uint64_t> cell{}; // its number
    std::string what;                    // "people, shard 3, cell 17: it is linked twice"
    bool operator==(finding const&) const = default;
};

// At most 1000 findings; none when all is well. Takes a look or three at every cell.
std::vector<finding> fsck(inspect const& seen);

namespace shm {

// One field, once. `key` and `row` may be null: then what is in rows is not looked at.
std::vector<finding> check_field(arena const& memory, std::uint32_t field, std::string const& name,
                                 row_type const* key, row_type const* row);

// The rings of changes, and intents that nobody will finish.
std::vector<finding> check_blocks(arena const& memory);

} // namespace shm

} // namespace covey
