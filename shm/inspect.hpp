// inspect: any covey segment, read by what the segment says of itself.
//
// A tool has no program's types: the schema's text in the segment tells kinds, types and
// capacities, and from those every place is computed here as its writers compute it. Nothing is
// written, no lock is taken, and a handle that may only read (segment::lend_read_only) is enough:
// a reader never waits for anybody, and where live writers are faster time after time, or the
// segment is damaged, it says busy. Whatever the segment holds is taken for a claim: nothing in it
// makes a call here crash, stray or run on.
#pragma once

#include "detail/function_ref.hpp"
#include "histogram_snapshot.hpp"
#include "row_type.hpp"
#include "row_value.hpp"
#include "schema.hpp"
#include "segment.hpp"

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace covey {

// What a field is, and how full.
struct field_facts
{
    std::string name;
    field_kind kind{};
    std::string key_type; // empty unless the kind has keys
    std::string row_type;
    std::uint64_t capacity = 0; // rows or items; of a histogram: buckets; 0 where there is neither
    std::uint64_t rows = 0;     // there now; of a queue: those that wait
    std::uint64_t bytes = 0;    // of shared memory
    retention keep{};
};

// Of a queue's item: how often it was popped, and who has it.
struct item_facts
{
    std::uint64_t deliveries = 0;
    std::optional<std::uint32_t> leased_by{}; // a block; none: it waits
    std::int64_t pid = 0;                     // that block's worker
};

// A row as it was at one moment; of a field without rows, all that there is to say:
//   counter, gauge, maximum, minimum   the number, or nothing
//   histogram                          {count, sum, p50, p90, p99, p999, highest}
//   rate_limiter                       {earned_in: nanoseconds until all that was granted is}
//   lock, leader                       {block, pid, epoch}, without the first two when nobody's
struct field_entry
{
    row_value key{};            // nothing where the kind has no keys; of an item: its id
    row_value row{};            // of any size: a text or bytes
    std::uint64_t revision = 0; // 0: nobody has written it
    std::optional<std::chrono::nanoseconds> lives{}; // a row that expires: so long from now
    std::optional<item_facts> item{};                // of a queue
};

enum class reading { found, missing, busy };

struct found_entry
{
    reading result = reading::missing;
    field_entry entry{}; // when found
};

// One of the lines that a segment's memory is made of; together they are all of it.
struct memory_part
{
    std::string name; // "rings", "field scores"
    std::uint64_t bytes = 0;
};

// A lock that somebody has.
struct held_lock
{
    std::uint32_t field = 0;
    std::uint32_t shard = 0; // of a map's rows
    std::int64_t pid = 0;    // of a lock or a leader: the holder's worker; else the
                             // thread that has the shard's lock, as the kernel names it
    std::optional<std::uint32_t> block{}; // the holder's, if known
    std::uint64_t epoch = 0;              // of a lock or a leader
    bool owner_died = false;              // nobody has come to repair yet
    bool awaited = false;
};

// What a block is at.
struct block_facts
{
    std::uint32_t block = 0;
    bool open = false; // a worker has it
    block_owner owner{};
    worker_load load{};
    std::uint64_t beats = 0;
    std::uint64_t operations = 0; // begun by all workers of this block
    bool writing = false;         // in the middle of one, in this region
    region where{};
};

// How far a subscriber is behind the changes of the others.
struct block_lag
{
    std::uint32_t block = 0;
    std::int64_t pid = 0;
    std::uint64_t changes = 0; // not read yet, of all blocks together
    std::uint64_t most = 0;    // of the block it is furthest behind; 4096 and it has missed some
};

// What the workers of a block have done of notifying and of being notified: sums that never fall
// and outlive each worker.
struct block_notices
{
    std::uint32_t block = 0;
    std::int64_t pid = 0;           // 0: nobody has the block now
    std::uint64_t rings = 0;        // system calls by which it rang sleepers, or the relay
    std::uint64_t collisions = 0;   // of those, for sleepers that somebody else was ringing
    std::uint64_t relayed = 0;      // changes whose sleepers it left to the relay
    std::uint64_t relay_stands = 0; // changes whose it did not, for the relay did not move
    std::uint64_t wakes = 0;        // sleeps of its own that a ring has ended
    std::uint64_t told = 0;         // calls of its handlers
    std::uint64_t folded = 0;       // changes that a newer one of their row made needless
    std::uint64_t resyncs = 0;      // times that it had fallen too far behind
};

// Who rings many sleepers for their writers: the master.
struct relay_facts
{
    bool open = false; // there is one
    std::uint64_t rounds = 0;
    std::uint64_t rings = 0;
};

class inspect
{
  public:
    // Maps the segment for reading. Throws system_error with error::not_a_segment,
    // error::not_ready, error::wrong_layout (the message has both versions) or error::bad_schema
    // (and where).
    static inspect open(handle const& lent);

    // What a process sees that has the segment anyway: the same mapping. `described` is the
    // schema that it was attached or created with.
    static inspect over(segment const& attached, schema described);

    std::string name() const;
    std::uint64_t bytes() const;
    std::uint64_t revision() const; // of the newest change that has begun
    schema const& described() const { return schema_; }

    // ---- fields; an index is a place in the schema, below fields().size() ----
    std::vector<field_facts> fields() const;
    std::optional<std::uint32_t> find(std::string_view field) const;

    // Null where the field has no keys, or no rows, or these are values of any size.
    row_type const* key_type(std::uint32_t field) const;
    row_type const* rows_type(std::uint32_t field) const;

    // The row of a key: row_type::from_text tells how keys are written; of an item, its id. The
    // one entry of a kind that has one needs none. Throws std::invalid_argument when the text is no
    // key of this field, or the field is a ring.
    found_entry get(std::uint32_t field, std::string_view key = {}) const;

    // Visits all there is: a map's rows in no order, a ring's oldest first, a queue's by age. Every
    // row that is there throughout is visited once. Returns how many places were left out, or told
    // in part, because writers were faster `patience` times; 0 is all.
    using visitor = detail::function_ref<void(field_entry const&)>;
    std::uint64_t for_each(std::uint32_t field, visitor visit, int patience = 16) const;

    // All that a histogram has counted. Throws std::invalid_argument for another kind of field.
    histogram_snapshot distribution(std::uint32_t field) const;

    // ---- the segment ----
    std::vector<held_lock> locks() const;
    std::vector<block_facts> blocks() const;
    std::vector<block_lag> lags() const;        // of every block that has subscribed
    std::vector<block_notices> notices() const; // of every block that has or had a worker
    relay_facts relay() const;
    std::vector<repair_report> repairs() const; // oldest first
    std::vector<region> quarantined() const;
    std::vector<memory_part> memory() const; // their sum is bytes()

    // For the house's own rooms: the mapped memory. Reading only.
    std::shared_ptr<shm::arena> const& arena() const { return memory_; }

  private:
    struct types
    {
        std::optional<row_type> key;
        std::optional<row_type> row;
    };
    inspect(std::shared_ptr<shm::arena> memory, schema described);

    found_entry get_row(std::uint32_t field, std::string_view key) const;
    found_entry get_item(std::uint32_t field, std::string_view key) const;
    std::uint64_t for_each_row(std::uint32_t field, visitor visit, int patience) const;
    std::uint64_t for_each_append(std::uint32_t field, visitor visit, int patience) const;
    std::uint64_t for_each_item(std::uint32_t field, visitor visit, int patience) const;
    row_value word(std::uint32_t field) const;
    field_entry entry_of(std::uint32_t field, std::uint64_t const* slot,
                         std::vector<std::byte> const& body) const;

    std::shared_ptr<shm::arena> memory_;
    schema schema_;
    std::vector<types> types_;
};

} // namespace covey
