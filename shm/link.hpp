// link: a word of a bucket chain: which cell comes next, and 32 bits of its key's hash.
#pragma once

#include <cstdint>

namespace covey::shm {

struct link
{
    std::uint64_t word = 0;

    static link to(std::uint64_t cell, std::uint64_t hash)
    {
        return {(hash & 0xffff'ffff'0000'0000) | (cell + 1)};
    }
    bool empty() const { return (word & 0xffff'ffff) == 0; }
    std::uint64_t cell() const { return (word & 0xffff'ffff) - 1; }
    bool may_be(std::uint64_t hash) const { return ((word ^ hash) >> 32) == 0; }
};

} // namespace covey::shm
