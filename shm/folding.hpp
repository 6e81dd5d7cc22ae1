// folding: which of a batch's changes are not the newest of their row.
#pragma once

#include "ring_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace covey::shm {

class folding
{
  public:
    explicit folding(std::uint64_t seed) // clients choose keys, and shall not choose collisions
        : seed_{seed}
    {}

    // `batch` in the order of revisions; `keys(field)` is how many words a key of that field has.
    template <class Keys>
    void fold(std::span<record_copy const> batch, Keys keys)
    {
        begin(batch.size());
        for (auto at = batch.size(); at-- != 0;)
            add(batch, at, keys(batch[at].field));
    }

    // A newer change of the same row follows in the batch.
    bool is_folded(std::size_t at) const { return newest_[at] != at; }
    // How many older ones of its row there are.
    std::uint64_t stands_for(std::size_t at) const { return older_[at]; }

  private:
    void begin(std::size_t count);
    void add(std::span<record_copy const> batch, std::size_t at, std::size_t keys);

    std::uint64_t seed_;
    std::vector<std::uint32_t> slots_; // of a hash table: number in the batch + 1; 0: free
    std::vector<std::size_t> newest_;  // of its row
    std::vector<std::uint64_t> older_;
};

} // namespace covey::shm
