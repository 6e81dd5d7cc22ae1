// arena: a segment's memory in this process, and typed places in it.
//
// Boost.Interprocess maps it, once per process that uses it. Places are computed from the plan;
// what comes out of shared memory (a link, an intent's offsets) is checked against it before use.
#pragma once

#include "layout.hpp"
#include "plan.hpp"

#include <boost/interprocess/mapped_region.hpp>
#include <covey/protocol/handle.hpp>
#include <cstddef>
#include <cstdint>

namespace covey::shm {

enum class access { read_only, read_write };

class arena
{
  public:
    // Maps all of `memory`. Throws system_error. What maps it read-only only loads.
    arena(handle memory, plan places, access how = access::read_write);

    plan const& places() const { return places_; }
    handle const& memory() const { return memory_; }

    template <class T>
    T& at(std::uint64_t offset) const
    {
        return *reinterpret_cast<T*>(base_ + offset);
    }

    header& head() const { return at<header>(0); }
    worker_block& block(std::uint32_t block) const
    {
        return at<worker_block>(places_.worker_blocks + block * sizeof(worker_block));
    }
    transaction_block& transaction(std::uint32_t block) const
    {
        return at<transaction_block>(places_.transactions + block * sizeof(transaction_block));
    }
    word& cursor(std::uint32_t reader, std::uint32_t ring) const
    {
        return at<word>(places_.cursors +
                        (std::uint64_t{reader} * places_.blocks + ring) * sizeof(word));
    }
    shard_block& shard(field_plan const& field, std::uint64_t shard) const
    {
        return at<shard_block>(field.shards + shard * sizeof(shard_block));
    }
    word& bucket(field_plan const& field, std::uint64_t bucket) const
    {
        return at<word>(field.buckets + bucket * sizeof(word));
    }
    std::uint64_t cell_offset(field_plan const& field, std::uint64_t cell) const
    {
        return field.cells + cell * field.cell_bytes;
    }
    lane_head& lane(field_plan const& field, std::uint32_t block) const
    {
        return at<lane_head>(field.lanes + block * field.lane_bytes);
    }
    // The words of a lane's entry: revision, row.
    std::uint64_t* lane_entry(field_plan const& field, std::uint32_t block,
                              std::uint64_t number) const
    {
        return &at<std::uint64_t>(field.lanes + block * field.lane_bytes + sizeof(lane_head) +
                                  number % field.entries() * field.entry_words() * sizeof(word));
    }
    // The words of a slot: revision, key, row.
    std::uint64_t* slot(std::uint64_t cell, field_plan const& field, std::uint64_t generation) const
    {
        return reinterpret_cast<std::uint64_t*>(base_ + cell + sizeof(cell_head)) +
               (generation & field.slot_mask) * field.slot_words();
    }

  private:
    handle memory_;
    plan places_;
    boost::interprocess::mapped_region region_;
    std::byte* base_;
};

} // namespace covey::shm
