// counter: a total that every worker adds to at its own place.
//
// One cache line a block: an add is one relaxed store to a line nobody else writes, a read sums the
// blocks. It survives any death: the block's line stays, the next worker in the block goes on with
// it. It announces nothing and gets no revision: a handler of on_change is called now and then with
// the total. A total is not a ticket: two workers that add at once may both be told the same total.
// For numbers that differ use value<std::int64_t>::update.
#pragma once

#include "field.hpp"

#include <atomic>
#include <cstdint>
#include <string>

namespace covey {

class counter : public field
{
  public:
    using change = counter_change;

    counter(state& owner, std::string name);

    // Adds and returns the total, this addition included; the sum costs nothing where nobody uses
    // it. Wraps at 64 bits.
    std::int64_t add(std::int64_t much = 1)
    {
        count(much);
        return total();
    }

    std::int64_t get() const;

    template <class Handler>
    void tell(raw_change const& raw, Handler& handler)
    {
        if (raw.kind == change_kind::put)
            handler(change{.total = get()});
    }

  private:
    void count(std::int64_t much);
    [[gnu::pure]] std::int64_t total() const; // not called when the result is not used
    void bound(participant::core& me) override;

    std::atomic<std::uint64_t>* mine_ = nullptr;
};

} // namespace covey
