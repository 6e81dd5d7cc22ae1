// cell_reader: rows in cells, as a process sees them that may not write.
//
// The way of table.hpp without its lock and its visits: copy the slot that counts, look at the
// generation and at the erasures again. Where live writers are faster time after time it says busy,
// for there is no lock to fall back on. A link is followed only to a cell that there is, and no
// walk takes more steps than a whole table needs, so a damaged segment makes it neither stray nor
// run on.
#pragma once

#include "arena.hpp"
#include "detail/function_ref.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace covey::shm {

// Chains are of 1.25 cells on average, and the hash is keyed: one of so many is a ring of links.
inline constexpr std::uint64_t chain_cells_max = 1024;

enum class read_result { found, missing, busy };

class cell_reader
{
  public:
    cell_reader(arena const& memory, field_plan const& field);

    // Copies the slot of a map's key, or a value's (null), and of values of any size the bytes.
    read_result read(std::uint64_t const* key, std::uint64_t* slot,
                     std::vector<std::byte>& body) const;

    // Every row that is there throughout is visited once. Returns how many chains were left out:
    // writers were faster so many times, or they lead nowhere.
    using visitor =
        detail::function_ref<void(std::uint64_t const* slot, std::vector<std::byte> const& body)>;
    std::uint64_t for_each(visitor visit, int patience) const;

    // The slot of this cell, whoever's it is; false when writers were faster.
    bool copy_slot(std::uint64_t cell, std::uint64_t* slot) const;
    bool copy_slot(std::uint64_t cell, std::uint64_t* slot, std::vector<std::byte>& body) const;

    // When a slot's row is over; 0: never, or the map's rows do not expire.
    std::uint64_t expiry_in(std::uint64_t const* slot) const;

  private:
    static constexpr int rounds_max = 16; // lost to faster writers

    struct chain
    {
        std::vector<std::uint64_t> slots;
        std::vector<std::vector<std::byte>> bodies;
    };
    read_result look(std::uint64_t const* key, std::uint64_t hash, std::uint64_t* slot,
                     std::vector<std::byte>& body) const;
    bool copy_chain(std::uint64_t bucket, chain& into, std::uint64_t& steps_left) const;
    bool is_there(std::uint64_t const* slot) const;

    arena const& memory_;
    field_plan const& field_;
    std::uint64_t chain_max_;
};

} // namespace covey::shm
