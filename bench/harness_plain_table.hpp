// harness_plain_table: the floor: the least shared table that does what a get and a put must do.
// Open addressing in shared memory, a sequence lock a slot, no capacity promise, no erase, no crash
// safety (a writer that dies in a put stops all readers of that slot), no revisions, nothing
// announced.
#pragma once

#include "harness_rows.hpp"

#include <atomic>
#include <bit>
#include <boost/interprocess/anonymous_shared_memory.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <cstdint>
#include <cstring>
#include <functional>

namespace covey::bench {

struct plain_slot
{
    std::atomic<std::uint32_t> sequence; // odd: being written
    std::uint32_t key_size;              // 0: free
    std::array<char, 24> key;
    row value;
};

class plain_table
{
  public:
    explicit plain_table(std::uint64_t keys)
        : slots_{std::bit_ceil(2 * keys)}
        , memory_{boost::interprocess::anonymous_shared_memory(slots_ * sizeof(plain_slot))}
        , first_{static_cast<plain_slot*>(memory_.get_address())}
    {
        std::memset(memory_.get_address(), 0, memory_.get_size()); // no page fault later
    }

    void put(std::string_view key, row const& value)
    {
        auto& at = find(key);
        if (at.key_size == 0) { // while the table is filled, by one process
            std::memcpy(at.key.data(), key.data(), key.size());
            at.key_size = static_cast<std::uint32_t>(key.size());
        }
        auto before = at.sequence.load(std::memory_order_relaxed);
        while (before % 2 != 0 ||
               !at.sequence.compare_exchange_weak(before, before + 1, std::memory_order_acquire))
            before = at.sequence.load(std::memory_order_relaxed);
        std::memcpy(at.value.data(), value.data(), value.size());
        at.sequence.store(before + 2, std::memory_order_release);
    }

    bool get(std::string_view key, row& value) const
    {
        auto const& at = find(key);
        if (at.key_size == 0)
            return false;
        for (;;) {
            auto const before = at.sequence.load(std::memory_order_acquire);
            if (before % 2 != 0)
                continue;
            std::memcpy(value.data(), at.value.data(), value.size());
            std::atomic_thread_fence(std::memory_order_acquire);
            if (at.sequence.load(std::memory_order_relaxed) == before)
                return true;
        }
    }

  private:
    plain_slot& find(std::string_view key) const
    {
        for (auto at = std::hash<std::string_view>{}(key);; ++at) {
            auto& here = first_[at & (slots_ - 1)];
            if (here.key_size == 0 || (here.key_size == key.size() &&
                                       std::memcmp(here.key.data(), key.data(), key.size()) == 0))
                return here;
        }
    }

    std::uint64_t slots_;
    boost::interprocess::mapped_region memory_;
    plain_slot* first_;
};

} // namespace covey::bench
