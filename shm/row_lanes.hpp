// row_lanes: a ring without its types: rows of words in a lane for each block.
//
// A block appends to its own lane and to no other: take a revision, claim the place, write it,
// and store the tail. That one store is the append and its announcement in one: subscribers read
// the lanes themselves (lane_reader.hpp). So there is no lock, no intent, and nothing to repair: a
// worker that dies before the store has appended nothing, and the next one in its block takes the
// same place. Every lane holds as many rows as the ring, so the last N of all lanes are there
// whoever appended them.
#pragma once

#include "detail/function_ref.hpp"
#include "participant.hpp"

#include <cstdint>

namespace covey::shm {

class arena;
struct field_plan;

class row_lanes
{
  public:
    row_lanes() = default;
    row_lanes(participant::core& who, std::uint32_t field);

    // Its revision. Never waits and never fails.
    std::uint64_t append(std::uint64_t const* row);

    // Copies the newest `rows` of all lanes, then visits them, oldest first. Fewer only when
    // producers keep overwriting them faster than they are copied.
    using visitor = detail::function_ref<void(std::uint64_t const* row, std::uint64_t revision)>;
    void last(std::uint64_t rows, visitor visit) const;

    std::uint64_t size() const;
    std::uint64_t capacity() const;

  private:
    participant::core* who_ = nullptr;
    arena const* memory_ = nullptr;
    field_plan const* field_ = nullptr;
    std::uint32_t index_ = 0;
};

} // namespace covey::shm
