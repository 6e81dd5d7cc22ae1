// table: a map or a value without its types: rows of words in cells.
//
// Buckets are chains: a bucket's word and each cell's `next` are links. An insert commits by one
// store to the bucket, an erase by one store to the link before its cell, an update by one store
// to the cell's generation, whose parity says which of its two slots counts. Rows never move, any
// cell serves any bucket, so N cells hold any N keys.
// Readers take no lock: they copy a slot and look at the generation again; a reader that missed
// looks at the shard's count of erasures again, for a freed cell may have led it astray. After 16
// vain rounds (live writers were faster each time) it takes the lock. It never waits for a writer
// that is dead or stopped in an update. Writers take the shard's lock.
#pragma once

#include "detail/function_ref.hpp"
#include "expiry_round.hpp"
#include "participant.hpp"
#include "retention.hpp"
#include "written.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace covey::shm {

struct field_plan;
class operation;
enum class intent_kind : std::uint32_t;

inline constexpr std::size_t key_words_max = 27; // 216 bytes (row.hpp)
inline constexpr std::size_t body_words = 3;     // of a row whose value is in chunks

enum class outcome { stored, kept, erased, missing, full, busy, quarantined };

struct written_row
{
    outcome result{};
    std::uint64_t revision = 0; // of the row that is there now; of the erase; 0 for none
    std::uint32_t evicted = 0;  // rows that made room
};

// In a caller's words; `kept` is what it calls a decision against the write.
put_result to_put_result(outcome result, put_result kept);

// A key's row as a decision sees it: `row` is null when there is none.
struct current_row
{
    std::uint64_t const* row = nullptr;
    std::uint64_t revision = 0;
};

class arena;

// What a write stores as a value of any size (blob.hpp): a decision sets it, or leaves it, and then
// the value there is stays.
struct next_body
{
    std::span<std::byte const> bytes{};
    bool set = false;
};

class table
{
  public:
    table() = default;
    table(participant::core& who, std::uint32_t field);

    // Copies the slot (revision, key, row) of a key; false when there is none.
    bool read(std::uint64_t const* key, std::uint64_t* slot) const;

    // And the bytes of its value, which has any size: into(bytes) gives the place for that many, or
    // for the first of them. Called again when a writer was faster.
    using place_for = detail::function_ref<std::span<std::byte>(std::size_t bytes)>;
    bool read(std::uint64_t const* key, std::uint64_t* slot, place_for into) const;

    // The same of a row that a decision has been given. False when the segment is damaged.
    bool read_body(current_row const& now, place_for into) const;

    // Called under the lock: true stores `next` (already filled with the current row and, where
    // rows expire, its expiry; or zeros), false leaves all as it is. May throw. Called again when
    // room had to be made.
    using decision = detail::function_ref<bool(current_row const& now, std::uint64_t* next)>;
    written_row write(std::uint64_t const* key, std::uint64_t* scratch, decision decide,
                      next_body* body = nullptr);

    // Called under the lock with the row; false leaves it.
    using condition = detail::function_ref<bool(current_row const& now)>;
    written_row erase(std::uint64_t const* key, std::uint64_t* scratch, condition allowed);

    // ---- room (table_room.cpp) ----
    // Removes rows whose time is over, at most `most`; how many there were.
    std::uint64_t expire(std::uint64_t most, std::uint64_t* scratch);

    // The same in slices. begin() is false when nothing is over or somebody is at it already; a
    // round that has begun is gone on with until nothing of it is left, or ended before.
    bool begin(expiry_round& round);
    std::uint64_t go_on(expiry_round& round, std::uint64_t cells, std::uint64_t most,
                        std::uint64_t* scratch); // how many were removed
    void end(expiry_round& round);

    // When the time of a row that is written now is over, as a word for its slot.
    static std::uint64_t expiry_of(ttl lives);

    // No row's time is over before this (expiry.hpp); 0 when none will ever be.
    std::uint64_t next_expiry() const;

    // Every row that is there throughout is visited once; one that comes or goes meanwhile may be.
    // No lock is held during the calls.
    void for_each(detail::function_ref<void(std::uint64_t const* slot)> visit) const;

    std::uint64_t size() const;

    std::uint64_t capacity() const;

  private:
    friend class batch; // a transaction's rows
    struct place
    {
        std::uint64_t link = 0; // offset of the word that leads to the cell
        std::uint64_t cell = 0; // offset, 0 for none
    };
    bool read(std::uint64_t const* key, std::uint64_t* slot, place_for const* into) const;
    written_row write_once(std::uint64_t const* key, std::uint64_t* scratch, decision decide,
                           next_body* body);
    std::uint64_t hash(std::uint64_t const* key) const;
    bool is_quarantined(std::uint32_t shard) const;
    written_row remove(intent_kind why, std::uint64_t const* key, std::uint64_t* scratch,
                       condition allowed);
    std::uint64_t expiry_in(std::uint64_t const* slot) const; // 0: never
    bool is_there(std::uint64_t const* slot) const;           // its time is not over
    void note_visit(std::uint64_t cell) const;
    void note_expiry(std::uint64_t expiry);
    bool remove_cell(intent_kind why, std::uint64_t cell, std::uint64_t* slot);
    bool evict_one(std::uint64_t* scratch);
    bool make_room(std::uint64_t* scratch,
                   std::uint32_t& evicted); // as the retention allows; true: a cell was freed
    std::uint32_t shard_of(std::uint64_t hash) const;
    std::uint64_t bucket_of(std::uint64_t hash) const;
    bool copy_slot(std::uint64_t cell, std::uint64_t* slot, place_for const* into = nullptr) const;
    enum class search { found, missed, unsettled };
    search look(std::uint64_t const* key, std::uint64_t hash, std::uint64_t* slot,
                place_for const* into) const;
    bool copy_bucket(std::uint64_t bucket, std::vector<std::uint64_t>& slots) const;
    place find_locked(std::uint64_t const* key, std::uint64_t hash, std::uint64_t* slot) const;
    void fill(std::uint64_t cell, std::uint64_t revision, std::uint64_t const* key,
              std::uint64_t const* row);
    bool store_body(operation const& op, std::uint32_t shard, next_body const& body,
                    std::uint64_t* row);
    void settle_body(operation const& op, intent_kind kind, std::uint32_t shard, std::uint64_t cell,
                     bool committed);
    written_row update(place where, std::uint32_t shard, std::uint64_t const* key,
                       std::uint64_t* row, next_body const* body);
    written_row insert(std::uint64_t hash, std::uint64_t const* key, std::uint64_t* row,
                       next_body const* body);

    participant::core* who_ = nullptr;
    arena const* memory_ = nullptr;
    field_plan const* field_ = nullptr;
    std::uint32_t index_ = 0;
};

} // namespace covey::shm
