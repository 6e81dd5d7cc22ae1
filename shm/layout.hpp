// layout: the control structures of a segment, byte by byte.
//
// Everything shared is a 64-bit word (or half of one) behind std::atomic or std::atomic_ref, never
// wider: 16-byte atomics are not lock-free here and libatomic's fallback locks are per process.
// What one process writes often has a cache line of its own. README.md draws the whole.
// A change here raises layout_version.
#pragma once

#include "robust_mutex.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace covey::shm {

inline constexpr std::uint64_t magic = 0x314d48535945564f; // "OVEYSHM1" in memory
inline constexpr std::uint32_t layout_version = 7;
inline constexpr std::size_t line_bytes = 64;        // x86-64 and most arm64; compared at attach
inline constexpr std::size_t ring_records = 4096;    // per block; a power of two
inline constexpr std::size_t record_bytes_max = 256; // a row that does not fit stays in its cell
inline constexpr std::size_t blocks_max = 512;       // two for each of 256 workers
inline constexpr std::size_t block_words = blocks_max / 64;
inline constexpr std::size_t repair_records = 64;
inline constexpr std::size_t transaction_rows_max = 16;

using word = std::atomic<std::uint64_t>;
using half_word = std::atomic<std::uint32_t>;
inline constexpr auto relaxed = std::memory_order_relaxed;
static_assert(word::is_always_lock_free && half_word::is_always_lock_free &&
              std::atomic<std::int64_t>::is_always_lock_free &&
              std::atomic_ref<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(word) == 8 && sizeof(half_word) == 4);
static_assert(std::atomic_ref<std::uint64_t>::required_alignment == alignof(word));

// One bit a block.
struct alignas(line_bytes) block_set
{
    word bits[block_words];
};

// Where writers leave the ringing of many sleepers to the master (doorbell_relay.hpp).
struct relay_block
{
    alignas(line_bytes) half_word open; // 1: there is one
    half_word unused;
    word bell;                       // its own, as a block's
    word moved;                      // coarse clock: when it was last rung, or last came round
    block_set wanted;                // whom to ring
    alignas(line_bytes) word rounds; // written by the relay alone, as the next one
    word rings;                      // its writes to eventfds
};
static_assert(sizeof(relay_block) == 3 * line_bytes);

struct header
{
    std::uint64_t magic;
    std::uint32_t layout_version;
    std::uint32_t line;
    std::uint64_t bytes;       // of the whole segment
    std::uint64_t fingerprint; // of the schema
    std::uint64_t secret;      // seeds the key hash, so that clients cannot choose collisions
    std::uint32_t blocks;
    std::uint32_t fields;
    std::uint64_t schema_text_bytes;
    half_word ready; // 1 is the creator's last store
    std::uint32_t unused;
    char name[64];

    alignas(line_bytes) word revision; // of the newest change that has begun, in all fields
    block_set armed;                   // blocks that sleep: ring me (doorbell.hpp)
    block_set takers;                  // blocks that accept from shared sockets (turn.hpp)
    alignas(line_bytes) word turn;     // passes << 32 | block + 1: who accepts; below 0: nobody
    alignas(line_bytes) word repairs;  // how many there were; the last 64 are in the repair log
    relay_block relay;
};
// By these a segment of any version is told from other files, and from one of another version.
static_assert(offsetof(header, magic) == 0 && offsetof(header, layout_version) == 8 &&
              offsetof(header, line) == 12 && offsetof(header, bytes) == 16 &&
              offsetof(header, fingerprint) == 24);
static_assert(offsetof(header, revision) == 2 * line_bytes);
static_assert(sizeof(header) == 10 * line_bytes);

// What a writer is about to do, so that whoever finds it dead can finish it or take it back.
// `state` is the last store of arming and the first of disarming.
// Expire and evict are erasures for another reason; the last three are a queue's.
enum class intent_kind : std::uint32_t {
    update = 1,
    insert = 2, // of a row; of an item: its push
    erase = 3,
    expire = 4,
    evict = 5,
    lease = 6, // of an item: its pop
    give_back = 7,
    acknowledge = 8,
};

// A row is gone, and that is announced.
constexpr bool removes(intent_kind kind)
{
    return kind == intent_kind::erase || kind == intent_kind::expire || kind == intent_kind::evict;
}

struct intent
{
    half_word armed; // 0 idle, 1 armed
    half_word kind;
    half_word field;
    half_word shard;
    word operation; // this block's count of operations: names the ring record
    word revision;
    word commit_word; // offset of the word whose store is the commit
    word target;      // what that word holds once committed; it never holds it before
    word cell;        // offset of the cell that is written or freed
    word mark;        // the cell's owner, as of this operation: who may free it; of an item that is
                      // leased or given back: its lease, once committed
};
static_assert(sizeof(intent) == 64);

// How far a transaction is (transaction_log.hpp). What its author has decided when it dies is never
// decided anew; the last two are for the shards that whoever inherits them has yet to go through.
enum class transaction_state : std::uint64_t {
    none = 0,
    prepared = 1,  // nothing counts yet: cells are taken for new rows
    committed = 2, // the store of this is the commit of all its rows
    done = 3,      // all rows are in place and announced
    undone = 4,    // the cells that it had taken are free
};
inline constexpr unsigned transaction_state_bits = 3;

// What becomes of one row, as an intent has it; of rows in one bucket the same word may be the
// commit word of several.
struct transaction_entry
{
    half_word kind; // intent_kind
    half_word field;
    half_word shard;
    half_word unused;
    word commit_word;
    word target;
    word cell;
    word mark;
};
static_assert(sizeof(transaction_entry) == 48);

// A block's transaction, for whoever finds it dead.
struct transaction_block
{
    alignas(line_bytes) robust_mutex settling; // of who finishes it: never the author
    word stamp;                                // operation << 3 | transaction_state
    word revision;
    word ring_from; // the ring's tail before its records
    word count;     // of entries
    transaction_entry entries[transaction_rows_max];
};
static_assert(sizeof(transaction_block) == 14 * line_bytes);

// What a block's workers have done of notifying, and of being notified: sums that never fall and
// outlive each worker. Only the worker adds, so no addition is a locked one (add_to).
struct alignas(line_bytes) notification_counts
{
    word rings;        // writes to eventfds, as a writer
    word collisions;   // of those, to sleepers that somebody else was ringing
    word relayed;      // changes whose sleepers were left to the relay
    word relay_stands; // changes whose many sleepers were not, for the relay did not move
    word wakes;        // sleeps that a ring has ended
    word told;         // calls of handlers
    word folded;       // changes that were not told, since a newer one of their row was
    word resyncs;
};
static_assert(sizeof(notification_counts) == line_bytes);

inline void add_to(word& count, std::uint64_t more = 1)
{
    count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

// One worker's place.
struct worker_block
{
    // Written by the master, between two workers.
    alignas(line_bytes) std::atomic<std::int64_t> pid;
    word id;
    half_word generation;
    half_word open;        // not 0: a worker has it, or has had it and is not reaped
    half_word seat;        // in the cluster: two workers of one seat have a block each
    half_word passed_over; // 1: the worker had the turn and stood; ends when it moves (turn.hpp)

    // Written by the worker, read by the master.
    alignas(line_bytes) half_word connections;
    half_word in_flight;
    word requests;
    word beats;      // rises while the worker has something to do and its loop turns
    half_word limit; // ~ of the connections it takes at most: 0 is no limit

    // Written by whoever rings and by the sleeper.
    alignas(line_bytes) word bell; // cycle << 2 | bell_state (doorbell.hpp)

    alignas(line_bytes) covey::shm::intent intent;

    // The ring's ends; the records are elsewhere. Written by the worker, or by its repairer.
    alignas(line_bytes) word ring_claimed; // stored before a record is overwritten
    word ring_tail;                        // stored after: records below are whole
    // While the worker appends to a ring: what it appends is newer than this - 1; 0: it does not.
    word appending;

    notification_counts notified;
};
static_assert(sizeof(worker_block) == 6 * line_bytes);

// One change in a ring; key words and, where it fits, row words follow. Records of one revision are
// one transaction's: they lie one after the other, and one store of the tail publishes them all.
struct record
{
    word operation;
    word revision;
    half_word field;
    half_word kind; // change_kind, and record_has_row
};
static_assert(sizeof(record) == 24);
inline constexpr std::uint32_t record_has_row = 0x100;

// A map's shard: rows whose buckets lie in one range, and the lock of their writers.
struct shard_block
{
    alignas(line_bytes) robust_mutex lock;
    alignas(line_bytes) word erasures; // rises with every erase: a reader that missed looks again
    word rows;                         // derived: recounted by a repair
    half_word quarantined;             // 1: nobody writes here (segment::quarantine)
    word chunks;                       // that the operation under way has to its name, or still
                                       // has to free (chunk_pool.hpp)
    word chunk_in_doubt;               // the one it was at
    word transaction; // who is at one here (block + 1) << 48 | operation; 0: nobody
    word removed; // revision of the newest removal here, or of one that was begun and taken back
};
static_assert(sizeof(shard_block) == 2 * line_bytes);

// What a map's search for room goes by; hints, so that no death leaves them wrong for long.
struct clock_block
{
    alignas(line_bytes) word hand;        // the cell it stands at
    alignas(line_bytes) word next_expiry; // no row is over before; 0: nobody knows
};

// A queue's derived part, written under its lock.
struct queue_block
{
    alignas(line_bytes) word last; // the newest item's cell + 1; means nothing in an empty chain
    word rows_next;                // how many items wait once the operation under way is committed
};

// The head of a block's lane of a ring; capacity + 1 entries follow, each: revision, row words.
struct lane_head
{
    alignas(line_bytes) word claimed; // stored before an entry is overwritten
    word tail;                        // stored after: that is the append
};
static_assert(sizeof(lane_head) == line_bytes);

// The head of a cell; two slots follow, each: revision, key words, row words.
struct cell_head
{
    word generation; // its parity names the slot that counts; never reset
    word owner;      // 0 = free, else who inserted it (block + 1) << 48 | operation
    word next;       // the bucket chain's next link
};
static_assert(sizeof(cell_head) == 24);

// The head of a chunk of a pool; 30 words of a value follow.
struct chunk_head
{
    word owner; // 0 = free, else the mark of the operation that stored the value
    word next;  // of the value: number + 1; means nothing in the last
};
static_assert(sizeof(chunk_head) == 16);
inline constexpr std::size_t chunk_bytes = 256; // four lines; a value wastes half a chunk
inline constexpr std::size_t chunk_room = chunk_bytes - sizeof(chunk_head);
static_assert(chunk_bytes % line_bytes == 0 && chunk_room % sizeof(word) == 0);

// One repair, for people and tools.
struct repair_record
{
    alignas(line_bytes) std::atomic<std::int64_t> dead_pid; // 0: it died after its work was done
    half_word block;
    half_word field;
    half_word shard;
    half_word kind;      // intent_kind, 0 when nothing was under way
    half_word committed; // 1 finished, 0 taken back
    half_word unused;
    word revision;
    word number; // 1, 2, ...: stored last
    word took;   // nanoseconds, from the inheritance of the lock to this record
    word when;   // of the record; nanoseconds of the wall clock
};
static_assert(sizeof(repair_record) == line_bytes);

// Each lies in memory as C would have it, whichever compiler has made the program.
template <class... Structures>
inline constexpr bool are_plain = (std::is_standard_layout_v<Structures> && ...);
static_assert(are_plain<header, block_set, intent, transaction_entry, transaction_block,
                        worker_block, record, shard_block, clock_block, queue_block, lane_head,
                        cell_head, chunk_head, repair_record>);

} // namespace covey::shm
