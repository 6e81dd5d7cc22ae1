// What a check has found so far, and what it leaves out because a writer is at it.
#pragma once

#include "../arena.hpp"
#include "../commit.hpp"
#include "../fsck.hpp"

#include <string>
#include <vector>

namespace covey::shm {

class fsck_notes
{
  public:
    static constexpr std::size_t findings_max = 1000;

    fsck_notes(arena const& memory, std::uint32_t field, std::string name)
        : memory_{memory}
        , index_{field}
        , name_{std::move(name)}
    {}

    // Whether somebody is in the middle of a write in the shard, or to the cell (its offset), now.
    bool is_moving(std::uint32_t shard) const
    {
        auto const& its = memory_.shard(memory_.places().fields[index_], shard);
        return its.transaction.load(std::memory_order_acquire) != 0 ||
               any_intent([=](auto const& what) { return what.shard == shard; });
    }
    bool is_moving_cell(std::uint64_t offset) const
    {
        return is_in_transaction(offset) ||
               any_intent([=](auto const& what) { return what.cell == offset; });
    }

    // Looks until a look returns that nobody changed what it looked at; what the others noted is
    // dropped, and all of it when there is no such look.
    template <class Look>
    void settle(int rounds, Look look)
    {
        auto const noted = all.size();
        while (!look()) {
            all.resize(noted);
            if (--rounds == 0)
                return;
        }
    }

    bool is_full() const { return all.size() >= findings_max; }

    void add(std::uint32_t shard, std::string const& what) { note(shard, std::nullopt, what); }
    void add(std::uint32_t shard, std::uint64_t cell, std::string const& what)
    {
        note(shard, cell, "cell " + std::to_string(cell) + ": " + what);
    }

    std::vector<finding> all;

  private:
    // Whether a transaction that has not ended names the cell.
    bool is_in_transaction(std::uint64_t offset) const
    {
        constexpr std::uint64_t state = (1U << transaction_state_bits) - 1;
        for (std::uint32_t block = 0; block != memory_.places().blocks; ++block) {
            auto const& its = memory_.transaction(block);
            if ((its.stamp.load(std::memory_order_acquire) & state) ==
                static_cast<std::uint64_t>(transaction_state::none))
                continue;
            for (auto const& entry : its.entries)
                if (entry.field.load(std::memory_order_relaxed) == index_ &&
                    entry.cell.load(std::memory_order_relaxed) == offset)
                    return true;
        }
        return false;
    }

    template <class Fits>
    bool any_intent(Fits fits) const
    {
        for (std::uint32_t block = 0; block != memory_.places().blocks; ++block) {
            auto const& intent = memory_.block(block).intent;
            if (intent.armed.load(std::memory_order_acquire) == 0)
                continue;
            auto const what = read_intent(intent);
            if (what.field == index_ && fits(what))
                return true;
        }
        return false;
    }

    void note(std::uint32_t shard, std::optional<std::uint64_t> cell, std::string const& what)
    {
        if (!is_full())
            all.push_back(
                {.where = region{index_, shard},
                 .cell = cell,
                 .what = name_ + ", shard " + std::to_string(shard) + (cell ? ", " : ": ") + what});
    }

    arena const& memory_;
    std::uint32_t index_;
    std::string name_;
};

// The kinds' own checks.
void check_rows(arena const& memory, field_plan const& field, row_type const* key,
                row_type const* row, fsck_notes& notes); // of a map or a value
void check_items(arena const& memory, field_plan const& field, row_type const* row,
                 fsck_notes& notes); // of a queue
void check_lanes(arena const& memory, field_plan const& field, row_type const* row,
                 fsck_notes& notes); // of a ring

// Whether the bytes are those of some value of the type: what it does not use is zero.
bool is_canonical(row_type const& type, std::uint64_t const* words);

// Whether some free cell would not be found.
bool is_hinted(arena const& memory, field_plan const& field, std::uint64_t cell);

} // namespace covey::shm
