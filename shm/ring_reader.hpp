// ring_reader: one subscriber's way through all blocks' rings, merged by revision.
//
// A ring has one producer; a reader copies a record, then looks whether the producer has claimed
// its place meanwhile (Aeron's intent counter). Revisions rise within a ring, and of two changes of
// one key the older is published before the newer takes its revision. So a reader that has loaded
// all rings' tails twice and found them the same has, with each change, all older ones of its key.
// Where they move it loads the newest revision R, then the tails, and tells only what is not newer
// than R; the rest waits for the next look. The word that holds R is every writer's, and would have
// to be fetched back by the next one.
#pragma once

#include "arena.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace covey::shm {

// A record as plain words, copied once.
struct record_copy
{
    // Not by default: that would fill `body` with zeros for whoever adds one to a vector.
    record_copy() {} // NOLINT(modernize-use-equals-default)

    std::uint64_t revision = 0;
    std::uint32_t ring = 0; // the block that published it
    std::uint32_t field = 0;
    std::uint32_t kind = 0; // change_kind
    bool has_row = false;
    std::array<std::uint64_t, (record_bytes_max - sizeof(record)) / 8> body; // key, row
};

class ring_reader
{
  public:
    // Starts at what is in the rings now: nothing of it will be read.
    ring_reader(arena const& memory, std::uint32_t reader);

    // An onlooker's: how far it is, is written down nowhere. The memory may be read-only.
    explicit ring_reader(arena const& memory);

    // Copies what is new, oldest first, and moves on. False when a ring has been lapped: nothing
    // is read; skip_to_now() and look at the state.
    bool read(std::vector<record_copy>& into);

    bool news() const; // some ring has records that were not read
    void skip_to_now();

  private:
    bool look_at_tails();
    bool read_ring(std::uint32_t ring, std::uint64_t newest, std::vector<record_copy>& into);
    bool copy(std::uint32_t ring, std::uint64_t number, record_copy& into) const;
    std::size_t body_words(record_copy const& one) const;
    void move(std::uint32_t ring, std::uint64_t to);

    arena const& memory_;
    std::optional<std::uint32_t> reader_;
    std::vector<std::uint64_t> next_;  // per ring: the number of the next record
    std::vector<std::uint64_t> tails_; // per ring: as it was looked at last
};

} // namespace covey::shm
