// lock: something only one worker does at a time: a nightly job, a rebuild of a cache.
//
// One word and no waiting: try_hold() says at once whether it is held. A worker that ends, however
// it ends, holds it until the master reaps its block, milliseconds later; there is no time limit to
// guess. A holder that is stopped holds it still. Whatever outside of the cluster the holder writes
// to should be told the epoch and refuse lower ones: then a holder that was slow to hear that it is
// one no more does no harm. Announces nothing; a handler of on_change is called when it is held or
// free, at most once a dispatch: so one waits.
#pragma once

#include "field.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace covey {

class lock : public field
{
  public:
    using change = hold_change;

    lock(state& owner, std::string name);

    // Gives the lock back when it goes. Does not outlive the state.
    class hold
    {
      public:
        hold(hold&& other) noexcept
            : of_{std::exchange(other.of_, nullptr)}
            , epoch_{other.epoch_}
        {}
        hold& operator=(hold other) noexcept
        {
            std::swap(of_, other.of_);
            std::swap(epoch_, other.epoch_);
            return *this;
        }
        ~hold() { release(); }

        std::uint64_t epoch() const { return epoch_; }
        void release();

      private:
        friend class lock;
        hold(lock& of, std::uint64_t epoch)
            : of_{&of}
            , epoch_{epoch}
        {}
        lock* of_;
        std::uint64_t epoch_;
    };

    // None when it is held, by this worker too. One compare-and-swap.
    std::optional<hold> try_hold();

    std::optional<covey::holder> holder() const;

    template <class Handler>
    void tell(raw_change const&, Handler& handler)
    {
        handler(change{.by = holder()});
    }

  private:
    void give_back(std::uint64_t epoch);
};

} // namespace covey
