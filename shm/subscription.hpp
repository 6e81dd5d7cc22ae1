// subscription: every committed change, told to handlers on this participant's thread.
//
// A change is told in the order of revisions, from the moment the subscription was made, so a
// worker that first subscribes and then reads the state misses nothing, nor one that does it the
// other way round. What of a field is told, and how, is said by the third argument of on_change
// (watching.hpp): one key, a prefix, a predicate; the newest change of each row, each change, or
// each in the strict order of revisions; one's own changes, too; from now, from a revision, or
// from everything.
// The row comes with the change when both fit a ring record (layout::record_bytes_max); a larger
// row is read from the state, and then changes of one key that follow quickly fold into the newest.
// A subscriber that falls more than a ring behind (4096 changes of one writer) is repaired from the
// state: one change_kind::resync, which says from and to which revision and why, and then one `put`
// for each row that is newer than its cursor; where a row was removed meanwhile, for every row
// (resync_report::complete). What begins with a revision or with everything goes the same way. What
// was appended to a ring is read from the ring: a resync there is the ring's own and shows the last
// rows; a queue's resync shows nothing (change.hpp).
// Counters announce nothing (a counter's add is 10 ns): their handler is called at most once a
// dispatch, with the sum, when it differs from the last one told.
//
// Whoever has a loop: at the start, and whenever doorbell() has become readable and been emptied
// (read 8 bytes from it, or answer()),
//     changes.dispatch();
//     if (!changes.arm()) post the same again;
//     else if (changes.holds_back()) the same again after held_back_look, rung or not;
// so that a flood of changes does not keep the loop from its other work. Nothing blocks. Handlers
// may write any state (what they write is told in a later dispatch), watch more, end watches and
// destroy the subscription. What a handler throws leaves dispatch(), which goes on behind that
// change when it is called again.
#pragma once

#include "batch_change.hpp"
#include "change.hpp"
#include "participant.hpp"
#include "watch.hpp"
#include "watching.hpp"

#include <chrono>
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
    ~subscription(); // ends all its watches; may be called inside a handler
    subscription(subscription const&) = delete;
    subscription& operator=(subscription const&) = delete;

    // Field is one of the state's that is bound to the participant; handler takes
    // Field::change const&. Watches until the subscription ends, or what is returned is ended.
    template <class Field, class Handler>
    watch on_change(Field& field, Handler handler, typename Field::watching what = {})
    {
        return add(field.index(), field.raw(std::move(what)),
                   [&field, handler = std::move(handler)](raw_change const& raw) mutable {
                       field.tell(raw, handler);
                   });
    }

    // The changes of several fields as they were committed: handler takes
    // batch_change<Fields...> const&, once for each transaction and each single write, in the
    // strict order of revisions; at a resync once for all fields. Of `how`, `deliver` means
    // nothing.
    template <class Handler, class... Fields>
    watch on_batch(Handler handler, watching how, Fields&... fields)
    {
        auto gathered = std::make_shared<batch_change<Fields...>>(fields...);
        auto const collect = [&](auto& field) {
            return [gathered, into = gathered->collector(field)](auto const& one) { into(one); };
        };
        auto made = (watch{} + ... + on_change(fields, collect(fields), ordered<Fields>(how)));
        return made + after_revisions(
                          [gathered, handler = std::move(handler)](std::uint64_t revision) mutable {
                              if (!gathered->is_empty()) {
                                  auto const whole = gathered->take(revision);
                                  handler(whole);
                              }
                          });
    }

    // Tells what has happened; returns how many handler calls were made. Inside a handler: 0.
    std::size_t dispatch();

    // Says "ring me". False when there is news already: dispatch again.
    bool arm();

    // An ordered watch waits for a change that is under way; it may end without a ring.
    bool holds_back() const;
    static constexpr std::chrono::milliseconds held_back_look{1};

    // The eventfd that becomes readable; it belongs to the participant.
    int doorbell() const;
    void answer(); // empties it

    // For a thread without a loop, behind arm(): blocks until it is rung, for so long at most, or
    // shorter while something is held back; answers.
    void sleep(std::chrono::milliseconds at_most);

    // Called on this thread when the participant itself committed something and nobody has been
    // told to dispatch yet: post a dispatch to the loop.
    void on_own_change(std::function<void()> post);

    // The newest revision at the moment this subscription was made.
    std::uint64_t since() const;
    std::uint64_t resyncs() const; // how often it was lapped

    // All that is not newer than this revision has been told, or folded into what has been.
    std::uint64_t cursor() const;

  private:
    template <class Field>
    static typename Field::watching ordered(watching how)
    {
        typename Field::watching what;
        what.deliver = delivery::ordered;
        what.own_changes = how.own_changes;
        what.from = how.from;
        return what;
    }

    watch add(std::uint32_t field, raw_watching what, std::function<void(raw_change const&)> tell);
    watch after_revisions(std::function<void(std::uint64_t)> call);

    struct core;
    std::shared_ptr<core> core_; // shared with a dispatch under way
};

} // namespace covey
