// block_pool: which blocks of the segment belong to nobody. A block is taken for one life and given
// back when it has been reaped.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

namespace covey::supervision {

class block_pool
{
  public:
    explicit block_pool(std::uint32_t blocks)
    {
        for (std::uint32_t block = 0; block < blocks; ++block)
            free_.insert(free_.end(), block);
    }

    // The lowest, so that a small cluster stays in few pages.
    std::optional<std::uint32_t> take()
    {
        if (free_.empty())
            return std::nullopt;
        return free_.extract(free_.begin()).value();
    }
    void give_back(std::uint32_t block) { free_.insert(block); }
    bool is_empty() const { return free_.empty(); }

  private:
    std::set<std::uint32_t> free_;
};

} // namespace covey::supervision
