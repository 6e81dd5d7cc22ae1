// free_cells: a field's pool of cells, any of which serves any row.
//
// A cell is taken by a compare-and-swap of its `owner` word with the mark of the operation, after
// the intent names it, and is free again when the owner is 0: no death loses a cell. A bitmap of
// hints makes free cells quick to find; a hint may be set too often, never too seldom.
#pragma once

#include "arena.hpp"
#include "detail/function_ref.hpp"
#include "participant.hpp"

#include <cstdint>

namespace covey::shm {

class operation;

// Takes a free cell (its offset) in the operation's name; 0 when there is none, and then nothing is
// armed. Arms an insert whose commit is that `link_word` becomes a link to the cell.
std::uint64_t claim_cell(participant::core& who, field_plan const& field, operation& op,
                         std::uint64_t link_word, std::uint64_t hash);

// Takes a free cell (its offset) for `mark`; 0 when there is none. `name` is called with each cell
// before it is tried, so that whoever inherits finds it named.
std::uint64_t claim_cell(participant::core& who, field_plan const& field, std::uint64_t mark,
                         detail::function_ref<void(std::uint64_t cell)> name);

// The way back; `mark` is the owner that lets go. Repeatable.
void free_cell(arena const& memory, field_plan const& field, std::uint64_t cell,
               std::uint64_t mark);

} // namespace covey::shm
