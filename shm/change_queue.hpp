// change_queue: the changes of one field, one at a time, for who asks instead of being called.
//
//   covey::change_queue scores{changes, state.scores, {.from = covey::start::everything()}};
//   while (auto const change = scores.next(1s)) ...
//
// On the subscription's thread. What waits here is bounded: who leaves more than `room` changes
// untaken has the rest read from the state, as if lapped, when it asks again (a resync). The rows
// of a resync do not count. Ends with its scope; the subscription outlives it.
#pragma once

#include "subscription.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

namespace covey {

template <class Field>
class change_queue
{
  public:
    using change = typename Field::change;
    using watching = typename Field::watching;
    static constexpr std::size_t default_room = 65'536; // changes

    change_queue(subscription& changes, Field& field, watching what = {},
                 std::size_t room = default_room)
        : changes_{changes}
        , field_{field}
        , what_{std::move(what)}
        , room_{room}
        , cursor_{changes.cursor()}
    {
        begin(what_);
    }
    change_queue(change_queue const&) = delete;
    change_queue& operator=(change_queue const&) = delete;

    // The next change, when there is one already. Dispatches nothing.
    std::optional<change> take()
    {
        if (overflowed_)
            begin_again();
        if (waiting_.empty())
            return std::nullopt;
        auto one = std::move(waiting_.front());
        waiting_.pop_front();
        if (waiting_.empty()) {
            cursor_ = changes_.cursor();
            shown_ = 0;
        }
        return one;
    }

    // For a thread without a loop: dispatches (the subscription's other handlers, too) and sleeps
    // until there is a change. None when there is none for so long.
    std::optional<change> next(std::chrono::milliseconds timeout)
    {
        auto const until = std::chrono::steady_clock::now() + timeout;
        for (;;) {
            if (auto one = take())
                return one;
            changes_.dispatch();
            if (auto one = take())
                return one;
            auto const left = std::chrono::ceil<std::chrono::milliseconds>(
                until - std::chrono::steady_clock::now());
            if (left.count() <= 0)
                return std::nullopt;
            if (changes_.arm())
                changes_.sleep(left);
        }
    }

    bool is_empty() const { return waiting_.empty() && !overflowed_; }

    // Called, inside a dispatch, when a change has come.
    void on_news(std::function<void()> call) { news_ = std::move(call); }

  private:
    void begin(watching what)
    {
        overflowed_ = false;
        watch_ = changes_.on_change(
            field_, [this](change const& one) { put(one); }, std::move(what));
    }

    void begin_again()
    {
        auto what = what_;
        what.from = start::after(cursor_);
        begin(std::move(what));
        is_again_ = true;
    }

    void put(change one)
    {
        if constexpr (requires { one.resync; }) {
            if (one.kind == change_kind::resync) {
                if (std::exchange(is_again_, false))
                    one.resync.reason = resync_reason::lapped;
                shown_to_ = one.resync.to;
            }
            if (one.revision <= shown_to_)
                ++shown_;
        }
        if (waiting_.size() >= room_ + shown_) {
            watch_.end();
            waiting_.clear();
            shown_ = 0;
            overflowed_ = true;
        } else {
            waiting_.push_back(std::move(one));
        }
        if (news_)
            news_();
    }

    subscription& changes_;
    Field& field_;
    watching what_;
    std::size_t room_;
    std::uint64_t cursor_;
    std::deque<change> waiting_;
    std::size_t shown_ = 0; // of those, at most, a resync's rows
    std::uint64_t shown_to_ = 0;
    bool overflowed_ = false;
    bool is_again_ = false; // the next resync is of an overflow
    std::function<void()> news_;
    scoped_watch watch_;
};

template <class Field, class... Rest>
change_queue(subscription&, Field&, Rest...) -> change_queue<Field>;

} // namespace covey
