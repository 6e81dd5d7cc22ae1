// gauge: a level that every worker has a share of: requests in flight, open connections, jobs held.
//
// A cache line a block, like a counter's; a read sums the shares. Unlike a counter's, the share of
// a worker that ends, however it ends, is taken back when the master reaps its block: what it held
// is not held any more. Announces nothing; a handler of on_change is called now and then with the
// level, at most once a dispatch.
#pragma once

#include "field.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace covey {

class gauge : public field
{
  public:
    using change = gauge_change;

    gauge(state& owner, std::string name);

    // To this worker's share; negative numbers take away. Wraps at 64 bits. One relaxed store: no
    // locked instruction.
    void add(std::int64_t much = 1);
    void subtract(std::int64_t much = 1);
    void set(std::int64_t share);

    std::int64_t share() const; // this worker's
    std::int64_t get() const;   // everybody's

    template <class Handler>
    void tell(raw_change const&, Handler& handler)
    {
        handler(change{.level = get()});
    }
};

} // namespace covey
