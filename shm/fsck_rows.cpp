// fsck of maps, values, queues and rings: chains, owners, counts, hints, leases, order.
#include "cell_reader.hpp"
#include "detail/fsck_notes.hpp"
#include "detail/words.hpp"
#include "link.hpp"
#include "row_type.hpp"

#include <array>
#include <cstring>
#include <utility>
#include <xxhash.h>

namespace covey::shm {

namespace {

constexpr int looks_max = 8; // lost to writers, before a place is left to the next look

cell_head& head_of(arena const& memory, field_plan const& field, std::uint64_t number)
{
    return memory.at<cell_head>(memory.cell_offset(field, number));
}

// A map's chains. A walk goes on only through cells whose key belongs to its bucket, each once, so
// all walks together are as long as the table. A shard that changes meanwhile is looked at again.
class chain_check
{
  public:
    chain_check(arena const& memory, field_plan const& field, row_type const* key,
                row_type const* row, fsck_notes& notes)
        : memory_{memory}
        , field_{field}
        , key_{key}
        , row_{row}
        , notes_{notes}
        , linked_(field.capacity)
        , slot_(field.slot_words())
    {}

    void run()
    {
        for (std::uint32_t shard = 0; shard != field_.shard_count; ++shard)
            notes_.settle(looks_max, [&] { return check_shard(shard); });
        for (std::uint64_t cell = 0; cell != field_.capacity && !notes_.is_full(); ++cell)
            if (linked_[cell] == 0)
                check_free(cell);
    }

  private:
    // False when a writer has been at it.
    bool check_shard(std::uint32_t shard)
    {
        auto const& its = memory_.shard(field_, shard);
        auto const stamp = [&] { return std::pair{its.rows.load(), its.erasures.load()}; };
        auto const before = stamp();
        if (notes_.is_moving(shard))
            return false;
        std::uint64_t rows = 0;
        auto const per_shard = std::uint64_t{1} << field_.shard_shift;
        for (auto bucket = shard * per_shard; bucket != (shard + 1) * per_shard; ++bucket)
            rows += follow(bucket, shard);
        if (before.first != rows)
            notes_.add(shard, "it counts " + std::to_string(before.first) + " rows and has " +
                                  std::to_string(rows));
        acquire_fence();
        return stamp() == before && !notes_.is_moving(shard);
    }

    std::uint64_t follow(std::uint64_t bucket, std::uint32_t shard)
    {
        std::uint64_t rows = 0;
        link next{memory_.bucket(field_, bucket).load(std::memory_order_acquire)};
        for (; !next.empty(); ++rows) {
            auto const cell = next.cell();
            if (cell >= field_.capacity) {
                notes_.add(shard,
                           "a link leads to cell " + std::to_string(cell) + ", which there is not");
                return rows;
            }
            if (linked_[cell] == bucket + 1 && is_on_way(bucket, cell, rows)) {
                notes_.add(shard, cell, "it is linked twice");
                return rows;
            }
            linked_[cell] = bucket + 1;
            if (head_of(memory_, field_, cell).owner.load(relaxed) == 0)
                notes_.add(shard, cell, "it is linked and free");
            if (!check_row(next, bucket, shard))
                return rows;
            next.word = head_of(memory_, field_, cell).next.load(std::memory_order_acquire);
        }
        return rows;
    }

    // Whether the first `steps` links of the chain lead to the cell: a mark of a look before does
    // not say.
    bool is_on_way(std::uint64_t bucket, std::uint64_t cell, std::uint64_t steps) const
    {
        link next{memory_.bucket(field_, bucket).load(std::memory_order_acquire)};
        for (; steps != 0 && !next.empty() && next.cell() < field_.capacity; --steps) {
            if (next.cell() == cell)
                return true;
            next.word = head_of(memory_, field_, next.cell()).next.load(std::memory_order_acquire);
        }
        return false;
    }

    std::uint64_t hash_of_slot() const
    {
        return XXH3_64bits_withSeed(slot_.data() + 1, field_.key_words * sizeof(std::uint64_t),
                                    memory_.head().secret);
    }
    std::uint64_t bucket_of(std::uint64_t hash) const
    {
        return hash & ((std::uint64_t{1} << field_.bucket_bits) - 1);
    }
    bool copy(std::uint64_t cell)
    {
        return cell_reader{memory_, field_}.copy_slot(memory_.cell_offset(field_, cell),
                                                      slot_.data());
    }

    // False when it is not a row of this chain.
    bool check_row(link at, std::uint64_t bucket, std::uint32_t shard)
    {
        if (!copy(at.cell()))
            return true; // it is being written, and so is well
        auto const hash = hash_of_slot();
        if (bucket_of(hash) != bucket || !at.may_be(hash)) {
            notes_.add(shard, at.cell(), "its key does not belong where it is linked");
            return false;
        }
        if (slot_[0] == 0 || slot_[0] > memory_.head().revision.load(std::memory_order_acquire))
            notes_.add(shard, at.cell(),
                       "its revision is " + std::to_string(slot_[0]) +
                           ", which there has not been");
        if (key_ != nullptr && !is_canonical(*key_, slot_.data() + 1))
            notes_.add(shard, at.cell(), "its key is none of its type");
        if (row_ != nullptr && !is_canonical(*row_, slot_.data() + 1 + field_.key_words))
            notes_.add(shard, at.cell(), "its row is none of its type");
        return true;
    }

    void check_free(std::uint64_t cell)
    {
        auto const& owner = head_of(memory_, field_, cell).owner;
        auto const before = owner.load(std::memory_order_acquire);
        bool const taken = before != 0;
        // It may have been linked since its chain was looked at.
        if (taken ? is_linked_now(cell) : is_hinted(memory_, field_, cell))
            return;
        acquire_fence();
        if (owner.load(relaxed) != before ||
            notes_.is_moving_cell(memory_.cell_offset(field_, cell)))
            return;
        notes_.add(0, cell,
                   taken ? "it is lost: not linked and not free"
                         : "it is free and nobody will find it");
    }

    bool is_linked_now(std::uint64_t cell)
    {
        return !copy(cell) || is_on_way(bucket_of(hash_of_slot()), cell, chain_cells_max);
    }

    arena const& memory_;
    field_plan const& field_;
    row_type const* key_;
    row_type const* row_;
    fsck_notes& notes_;
    std::vector<std::uint64_t> linked_; // by cell: the bucket that led there + 1, 0 for none
    std::vector<std::uint64_t> slot_;
};

void check_value(arena const& memory, field_plan const& field, row_type const* row,
                 fsck_notes& notes)
{
    std::vector<std::uint64_t> slot(field.slot_words());
    if (!cell_reader{memory, field}.copy_slot(field.cells, slot.data()))
        return;
    if (slot[0] > memory.head().revision.load(std::memory_order_acquire))
        notes.add(0, 0,
                  "its revision is " + std::to_string(slot[0]) + ", which there has not been");
    if (row != nullptr && !is_canonical(*row, slot.data() + 1))
        notes.add(0, 0, "its row is none of its type");
}

// A queue: every cell of it waits, is leased, or is free.
class item_check
{
  public:
    item_check(arena const& memory, field_plan const& field, row_type const* row, fsck_notes& notes)
        : memory_{memory}
        , field_{field}
        , row_{row}
        , notes_{notes}
        , waits_(field.capacity)
        , slot_(field.slot_words())
    {}

    // False when somebody has been at it.
    bool run()
    {
        auto const before = stamp();
        if (notes_.is_moving(0))
            return false;
        follow();
        for (std::uint64_t cell = 0; cell != field_.capacity && !notes_.is_full(); ++cell)
            check_cell(cell);
        acquire_fence();
        return stamp() == before && !notes_.is_moving(0);
    }

  private:
    std::array<std::uint64_t, 4> stamp() const
    {
        auto const& ends = memory_.at<queue_block>(field_.ends);
        return {memory_.bucket(field_, 0).load(), ends.last.load(), ends.rows_next.load(),
                memory_.shard(field_, 0).rows.load()};
    }

    void follow()
    {
        std::uint64_t count = 0;
        std::uint64_t last = 0;
        std::uint64_t newest_id = 0;
        link next{memory_.bucket(field_, 0).load(std::memory_order_acquire)};
        for (; !next.empty(); ++count) {
            last = next.cell();
            if (last >= field_.capacity)
                return notes_.add(0, "a link leads to cell " + std::to_string(last) +
                                         ", which there is not");
            if (waits_[last])
                return notes_.add(0, last, "it is linked twice");
            waits_[last] = true;
            newest_id = check_row(last, newest_id);
            next.word = head_of(memory_, field_, last).next.load(std::memory_order_acquire);
        }
        auto const counted = memory_.shard(field_, 0).rows.load(relaxed);
        if (counted != count)
            notes_.add(0, "it counts " + std::to_string(counted) + " items that wait and has " +
                              std::to_string(count));
        if (count != 0 && memory_.at<queue_block>(field_.ends).last.load(relaxed) != last + 1)
            notes_.add(0, last, "it is the last one and is not said to be");
    }

    // Its id.
    std::uint64_t check_row(std::uint64_t cell, std::uint64_t newest_id)
    {
        load_words(slot_.data(), memory_.slot(memory_.cell_offset(field_, cell), field_, 0),
                   slot_.size());
        if (slot_[1] <= newest_id)
            notes_.add(0, cell,
                       "item " + std::to_string(slot_[1]) + " is not in the order of pushes");
        if (row_ != nullptr && !is_canonical(*row_, slot_.data() + 2))
            notes_.add(0, cell, "its row is none of its type");
        return slot_[1];
    }

    void check_cell(std::uint64_t cell)
    {
        auto const holder =
            memory_.at<word>(field_.leases + cell * sizeof(word)).load(relaxed) >> 48;
        bool const free = head_of(memory_, field_, cell).owner.load(relaxed) == 0;
        if (waits_[cell] && holder != 0)
            notes_.add(0, cell, "it waits and is leased");
        else if (free && (waits_[cell] || holder != 0))
            notes_.add(0, cell, "it is in use and free");
        else if (!free && !waits_[cell] && holder == 0)
            notes_.add(0, cell, "it is lost: it does not wait, is not leased and not free");
        else if (free && !is_hinted(memory_, field_, cell))
            notes_.add(0, cell, "it is free and nobody will find it");
        if (holder != 0 &&
            (holder > memory_.places().blocks ||
             memory_.block(static_cast<std::uint32_t>(holder - 1)).open.load(relaxed) == 0))
            notes_.add(0, cell,
                       "it is leased to block " + std::to_string(holder - 1) +
                           ", which is nobody's");
    }

    arena const& memory_;
    field_plan const& field_;
    row_type const* row_;
    fsck_notes& notes_;
    std::vector<bool> waits_;
    std::vector<std::uint64_t> slot_;
};

} // namespace

bool is_canonical(row_type const& type, std::uint64_t const* words)
{
    std::vector<std::uint64_t> again((type.size + 7) / 8);
    std::string why;
    auto* const into = reinterpret_cast<std::byte*>(again.data());
    return type.write(type.read(reinterpret_cast<std::byte const*>(words)), into, why) &&
           std::memcmp(again.data(), words, again.size() * sizeof again[0]) == 0;
}

bool is_hinted(arena const& memory, field_plan const& field, std::uint64_t cell)
{
    auto const& hints = memory.at<word>(field.free_hints + cell / 64 * sizeof(word));
    return (hints.load(relaxed) >> cell % 64 & 1) != 0;
}

void check_rows(arena const& memory, field_plan const& field, row_type const* key,
                row_type const* row, fsck_notes& notes)
{
    if (field.kind == field_kind::value)
        check_value(memory, field, row, notes);
    else
        chain_check{memory, field, key, row, notes}.run();
}

void check_items(arena const& memory, field_plan const& field, row_type const* row,
                 fsck_notes& notes)
{
    notes.settle(looks_max, [&] { return item_check{memory, field, row, notes}.run(); });
}

void check_lanes(arena const& memory, field_plan const& field, row_type const* row,
                 fsck_notes& notes)
{
    std::vector<std::uint64_t> entry(field.entry_words());
    for (std::uint32_t block = 0; block != memory.places().blocks && !notes.is_full(); ++block) {
        auto const& lane = memory.lane(field, block);
        auto const name = "block " + std::to_string(block) + "'s lane: ";
        auto const claimed = lane.claimed.load(std::memory_order_acquire);
        auto const tail = lane.tail.load(std::memory_order_acquire);
        if (claimed - tail > 1)
            notes.add(0, name + "it has claimed " + std::to_string(claimed) +
                             " rows and appended " + std::to_string(tail));
        std::uint64_t last = 0;
        for (auto number = tail - std::min(tail, field.capacity); number != tail; ++number) {
            load_words(entry.data(), memory.lane_entry(field, block, number), entry.size());
            acquire_fence();
            if (lane.claimed.load(relaxed) - number > field.entries())
                continue; // written over meanwhile
            if (entry[0] <= last ||
                entry[0] > memory.head().revision.load(std::memory_order_acquire)) {
                notes.add(0, name + "row " + std::to_string(number) +
                                 " is not in the order of revisions");
                break;
            }
            last = entry[0];
            if (row != nullptr && !is_canonical(*row, entry.data() + 1))
                notes.add(0, name + "row " + std::to_string(number) + " is none of its type");
        }
    }
}

} // namespace covey::shm
