// fifo: a queue without its types: items of words in cells, under one lock.
//
// The items that wait are one chain, by age: a link to the oldest in the field's only bucket, and
// each cell's `next`. An item waits if the chain leads to it; a worker has it if its lease word
// names that worker's block; else its cell is free. Every operation is one intent and one store:
//
//   push         the newest item's link (or the first)   a link to the new cell
//   pop          the first link                          what follows it; then the lease word
//   give back    the link that leads past its place      a link to it; then the lease word
//   acknowledge  the lease word                          0; then the cell is free
//
// What follows the store is derived and repeatable (settle_item); the intent carries it. An item
// that comes back takes its old place, for ids rise with pushes: the chain is always in their
// order. The leases of a block that died are given back one by one in its name, by whoever reaps
// it; were the reaper to die, its intents are that block's and are repaired like any other's.
#pragma once

#include "detail/function_ref.hpp"
#include "participant.hpp"
#include "table.hpp"

#include <cstdint>

namespace covey::shm {

class arena;
struct intent_copy;

struct item_lease
{
    std::uint64_t id = 0;
    std::uint64_t deliveries = 0; // this one included
    std::uint64_t cell = 0;       // its number
};

class fifo
{
  public:
    fifo() = default;
    fifo(participant::core& who, std::uint32_t field);

    // Each may say busy or quarantined as well.
    written_row push(std::uint64_t const* row);          // stored, full
    outcome pop(std::uint64_t* slot, item_lease& taken); // stored, missing
    outcome acknowledge(item_lease const& done);         // erased, missing
    written_row give_back(item_lease const& undone);     // stored, missing

    std::uint64_t waiting() const;
    std::uint64_t leased() const; // looks at every lease word
    std::uint64_t capacity() const;

  private:
    outcome locked(detail::function_ref<outcome()> body);
    bool holds(item_lease const& item) const;

    participant::core* who_ = nullptr;
    arena const* memory_ = nullptr;
    field_plan const* field_ = nullptr;
    std::uint32_t index_ = 0;
};

// What follows the commit of an operation on a queue; the caller holds the lock.
void settle_item(arena const& memory, field_plan const& field, intent_copy const& what);

// Gives back what a dead block has leased. False when somebody holds the queue's lock just now.
bool return_leases(arena const& memory, std::uint32_t field, std::uint32_t block);

} // namespace covey::shm
