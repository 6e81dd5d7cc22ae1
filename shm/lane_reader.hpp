// lane_reader: one reader's way through all blocks' lanes of a ring, merged by revision.
//
// A lane has one producer and a place more than the ring holds rows, so the last `capacity` rows
// of a lane stay readable while its producer overwrites the place before them, dies there, or is
// stopped. A reader copies an entry, then looks whether the producer has claimed its place
// meanwhile; an entry that was overwritten is skipped. Nothing here waits or writes.
#pragma once

#include "arena.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace covey::shm {

// Rows copied out of lanes, oldest first.
struct lane_batch
{
    struct entry
    {
        std::uint64_t revision = 0;
        std::size_t at = 0;      // its row, in `words`
        std::uint32_t block = 0; // who appended it
    };
    std::vector<entry> entries;
    std::vector<std::uint64_t> words;

    std::uint64_t const* row(entry const& one) const { return words.data() + one.at; }
};

class lane_reader
{
  public:
    // Starts at what is in the lanes now: nothing of it will be read.
    lane_reader(arena const& memory, field_plan const& field);

    // Back to the last `rows` of every lane.
    void rewind(std::uint64_t rows);

    // Copies what is new and not newer than the revision `newest`, and moves on. False when rows
    // were missed: then the batch is the ring's last rows, as many as its capacity, as of now.
    bool read(std::uint64_t newest, lane_batch& into);

    bool news() const; // some lane has entries that were not read

  private:
    bool read_lanes(std::uint64_t newest, lane_batch& into);
    bool copy(std::uint32_t block, std::uint64_t number, lane_batch& into) const;

    arena const& memory_;
    field_plan const& field_;
    std::vector<std::uint64_t> next_; // per lane: the number of the next entry
};

} // namespace covey::shm
