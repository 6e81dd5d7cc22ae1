// leader: one worker of all, until it ends: who runs the timers, who talks to the outside.
//
//   worker.on_change(state.chief, [&](auto const& now) { if (!now.by) state.chief.run(); });
//   state.chief.run();
//
// One word: the first to run() leads, until it resigns or ends; when the master has reaped the dead
// leader's block, handlers of on_change hear that there is none, and the first of them to run()
// leads. Every leadership has an epoch, higher than all before (lock.hpp tells what it is for).
#pragma once

#include "field.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace covey {

class leader : public field
{
  public:
    using change = hold_change;

    leader(state& owner, std::string name);

    // True when this worker leads now, or led already.
    bool run();

    // Nothing when this worker does not lead.
    void resign();

    // The epoch of this worker's leadership; none when another leads, or nobody.
    std::optional<std::uint64_t> mine() const;

    std::optional<covey::holder> holder() const;

    template <class Handler>
    void tell(raw_change const&, Handler& handler)
    {
        handler(change{.by = holder()});
    }
};

} // namespace covey
