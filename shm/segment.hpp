// segment: one piece of memory that every process of a cluster maps.
//
// A memfd: sized once from the schema, allocated at once (a shortage shows at the start, never as
// SIGBUS in the middle of a write), sealed against shrinking and growing, passed as a handle. It
// has no name and is gone with its last process. README.md draws what is inside.
//
// The master creates it and opens and reaps blocks; workers attach. Nothing here takes a lock but
// reap(), and that only tries.
#pragma once

#include "schema.hpp"

#include <chrono>
#include <compare>
#include <covey/protocol/handle.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace covey {

namespace shm {
struct header;
class arena;
} // namespace shm

// How much a worker has to do, as it says itself; the master reads it to choose a worker. A
// hostile worker can write anything here: take the numbers as hints.
struct worker_load
{
    static constexpr std::uint32_t no_limit = std::numeric_limits<std::uint32_t>::max();

    std::uint32_t connections = 0;  // open
    std::uint32_t in_flight = 0;    // requests being answered
    std::uint64_t requests = 0;     // answered since the block was opened
    std::uint32_t limit = no_limit; // connections it takes at most; 0: none
};

struct block_owner
{
    std::int64_t pid = 0;
    std::uint64_t id = 0; // the worker's, never reused
    std::uint32_t generation = 0;
    std::uint32_t seat = 0; // in the cluster
};

// Rows that share a lock: a value, a queue, or one of the shards of a map's rows.
struct region
{
    std::uint32_t field = 0;
    std::uint32_t shard = 0;

    auto operator<=>(region const&) const = default;
};

// One repair of what a dead worker was writing; the segment remembers the last 64.
struct repair_report
{
    std::uint64_t number = 0;  // 1, 2, ...
    std::int64_t dead_pid = 0; // 0: it had nothing under way, so nothing tells who it was
    std::uint32_t block = 0;
    region where;
    bool was_writing = false; // else it died holding the lock, in a caller's function perhaps
    bool committed = false;   // finished; else taken back
    std::uint64_t revision = 0;
    std::chrono::nanoseconds took{0};             // from the inheritance of its lock to the report
    std::chrono::system_clock::time_point when{}; // of the report
};

// One eventfd for each block, and one for the relay to whom writers leave many sleepers, for the
// life of the cluster. The master makes them; a worker gets them over the channel. Ringing a
// block's wakes its worker. Whoever has none of the relay's rings all sleepers itself.
class doorbells
{
  public:
    doorbells() = default;
    explicit doorbells(std::vector<handle> bells, handle relay = {})
        : bells_{std::move(bells)}
        , relay_{std::move(relay)}
    {}
    static doorbells make(std::uint32_t blocks); // throws system_error

    std::span<handle const> handles() const { return bells_; }
    std::uint32_t size() const { return static_cast<std::uint32_t>(bells_.size()); }
    void ring(std::uint32_t block) const noexcept; // one write; a full bell has been rung already
    void ring_all() const noexcept;                // every block
    handle const& relay() const { return relay_; }

  private:
    std::vector<handle> bells_;
    handle relay_;
};

class segment
{
  public:
    static constexpr std::uint32_t blocks_max = 512;

    // Makes a segment for `described` with room for `blocks` workers. Throws system_error when the
    // memory is not to be had; the message names the bytes asked for.
    static segment create(schema const& described, std::uint32_t blocks, std::string const& name);

    // Maps a segment that someone lent. Throws system_error with error::not_a_segment,
    // error::not_ready, error::wrong_layout or error::schema_differs; the last one's message
    // says what differs, field by field and member by member, and prints both schemas.
    static segment attach(handle const& lent, schema const& expected);

    segment(segment&&) noexcept;
    segment& operator=(segment&&) noexcept;
    ~segment();

    handle lend() const; // a new descriptor of the same memory; throws system_error

    // One that the kernel maps for reading only: for inspect and its tools. It keeps them from
    // accidents, not from this user's own processes, which may open the memory anew.
    handle lend_read_only() const; // throws system_error
    std::uint64_t bytes() const;
    std::uint32_t blocks() const;
    std::uint64_t revision() const; // of the newest change that has begun
    std::string name() const;

    // ---- the master's part; `block` < blocks() ----

    // Before a worker starts: the block is its.
    void open_block(std::uint32_t block, block_owner const& owner);

    // After it died: finishes or takes back what it was writing, gives back what it had leased or
    // held, clears its load and its subscriptions, wakes everybody. False when another process is
    // repairing just now, or works in a queue that gets something back: call again a little later;
    // everybody has been woken nevertheless. Never blocks.
    bool reap_block(std::uint32_t block, doorbells const& bells);

    worker_load load_of(std::uint32_t block) const;

    // Rises while the worker has something to do and is not stuck; see participant::beat.
    std::uint64_t beats_of(std::uint32_t block) const;

    block_owner owner_of(std::uint32_t block) const;

    std::vector<repair_report> repairs() const; // oldest first

    // From now on nobody writes in this region: writes say quarantined, reads go on with what is
    // committed. For a region whose writers keep dying of what they do there. `on` false ends it.
    void quarantine(region where, bool on);
    bool is_quarantined(region where) const;
    std::vector<region> quarantined() const;
    void end_quarantines();

    // For the house's own rooms: the mapped memory.
    std::shared_ptr<shm::arena> const& memory() const { return memory_; }

  private:
    explicit segment(std::shared_ptr<shm::arena> memory);
    std::shared_ptr<shm::arena> memory_;
};

} // namespace covey
