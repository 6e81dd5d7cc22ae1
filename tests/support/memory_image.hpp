// memory_image: what a segment's memory holds at a moment, to compare with and to go back to, as if
// what happened since had not. Of each ring the first records only: a test that goes further round
// needs another.
//
// The words of a robust lock are memory like all else: a lock whose owner has died is, after a
// restore, such a lock again. Nobody may run and nobody may hold a lock during a restore.
#pragma once

#include <covey/shm/arena.hpp>
#include <covey/shm/segment.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

namespace covey::test {

class memory_image
{
  public:
    explicit memory_image(segment const& where)
        : memory_{where.memory()}
    {
        auto const& places = memory_->places();
        std::uint64_t const ring_bytes = shm::ring_records * places.record_bytes;
        add(0, places.rings);
        for (std::uint64_t ring = 0; ring != places.blocks; ++ring)
            add(places.rings + ring * ring_bytes, records_kept * places.record_bytes);
        auto const fields = places.rings + places.blocks * ring_bytes;
        add(fields, places.bytes - fields);
    }

    void restore() const
    {
        for (auto const& one : spans_)
            std::memcpy(&memory_->at<char>(one.offset), one.bytes.data(), one.bytes.size());
    }

    // Whether the memory is the same now; keeps it as it is now if it is not.
    bool is_current()
    {
        bool same = true;
        for (auto& one : spans_) {
            auto const* const now = &memory_->at<char>(one.offset);
            if (std::memcmp(now, one.bytes.data(), one.bytes.size()) == 0)
                continue;
            std::memcpy(one.bytes.data(), now, one.bytes.size());
            same = false;
        }
        return same;
    }

  private:
    static constexpr std::uint64_t records_kept = 32;

    struct span
    {
        std::uint64_t offset;
        std::vector<char> bytes;
    };

    void add(std::uint64_t offset, std::uint64_t bytes)
    {
        auto const* const from = &memory_->at<char>(offset);
        spans_.push_back({offset, std::vector<char>(from, from + bytes)});
    }

    std::shared_ptr<shm::arena> memory_;
    std::vector<span> spans_;
};

} // namespace covey::test
