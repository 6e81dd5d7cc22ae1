// subscription: every committed change, told to handlers on this participant's thread.
//
// A change is told once, in the order of revisions, from the moment the subscription was made, so
// a worker that first subscribes and then reads the state misses nothing, nor one that does it the
// other way round. The row comes with the change when both fit a ring record
// (layout::record_bytes_max); a larger row is read from the state, and then changes of one key
// that follow quickly fold into the newest. A subscriber that falls more than a ring behind (4096
// changes of one writer) gets one change_kind::resync, and then one `put` for every row there is.
// What was appended to a ring is read from the ring: a resync there is the ring's own and shows
// the last rows; a queue's resync shows nothing (change.hpp).
// Counters announce nothing (a counter's add is 10 ns): their handler is called at most once a
// dispatch, with the sum, when it differs from the last one told.
//
// Whoever has a loop: at the start, and whenever doorbell() has become readable and been emptied
// (read 8 bytes from it, or answer()),
//     changes.dispatch();
//     if (!changes.arm()) post the same again;
// so that a flood of changes does not keep the loop from its other work. Nothing blocks. Handlers
// may write any state; what they write is told in a later dispatch.
#pragma once

#include "change.hpp"
#include "participant.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace covey {

class subscription
{
  public:
    explicit subscription(participant& who);
    ~subscription(); // unsubscribes
    subscription(subscription const&) = delete;
    subscription& operator=(subscription const&) = delete;

    // Field is one of the state's that is bound to the participant; handler takes
    // Field::change const&.
    template <class Field, class Handler>
    void on_change(Field& field, Handler handler)
    {
        watch(field.index(), [&field, handler = std::move(handler)](raw_change const& raw) mutable {
            field.tell(raw, handler);
        });
    }

    // Tells what has happened; returns how many handler calls were made.
    std::size_t dispatch();

    // Says "ring me". False when there is news already: dispatch again.
    bool arm();

    // The eventfd that becomes readable; it belongs to the participant.
    int doorbell() const;
    void answer(); // empties it

    // Called on this thread when the participant itself committed something and nobody has been
    // told to dispatch yet: post a dispatch to the loop.
    void on_own_change(std::function<void()> post);

    // The newest revision at the moment this subscription was made.
    std::uint64_t since() const;
    std::uint64_t resyncs() const; // how often it was lapped

  private:
    void watch(std::uint32_t field, std::function<void(raw_change const&)> tell);
    struct core;
    std::unique_ptr<core> core_;
};

} // namespace covey
