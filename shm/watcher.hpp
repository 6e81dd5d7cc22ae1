// watcher: one handler of a subscription: what it wants, what it has been shown.
//
// Used by subscription.cpp alone, on the subscription's thread.
#pragma once

#include "watching.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace covey::shm {

class watcher
{
  public:
    using key_words = std::vector<std::uint64_t>;
    using teller = std::function<void(raw_change const&)>;

    watcher(raw_watching what, teller tell)
        : what_{std::move(what)}
        , tell_{std::move(tell)}
    {}

    delivery deliver() const { return what_.deliver; }
    bool wants_own() const { return what_.own_changes; }
    bool has_predicate() const { return static_cast<bool>(what_.where); }

    // Tells it, if it is what the handler wants to hear: how many calls that were. `keys` is how
    // many words a key has.
    std::size_t offer(raw_change const& raw, std::size_t keys);

    // As if it had been told: of a row as it is at the start, or a change of one's own. A predicate
    // then knows whose end to tell.
    void note(raw_change const& raw, std::size_t keys);

    // From now on nothing is told. Safe inside its handler.
    void end() { is_ended_ = true; }
    bool is_ended() const { return is_ended_; }

    // ---- catching up: rows are shown as they are, and their records come later ----

    // At the next dispatch, from this revision on.
    void fall_behind(std::uint64_t from, resync_reason why)
    {
        if (!behind_ || *behind_ > from)
            behind_ = from;
        why_ = why;
    }
    bool is_behind() const { return behind_.has_value() && !is_ended_; }
    std::uint64_t behind_from() const { return *behind_; }
    resync_reason why() const { return why_; }

    // All that is not newer than `settled` is in what is going to be shown.
    void begin_showing(std::uint64_t settled, bool complete);
    void show(raw_change const& row, std::size_t keys);
    void end_showing(std::uint64_t newest);

    enum class meaning {
        fresh,    // to be told
        known,    // it has been shown
        doubtful, // it happened while rows were shown: to be told if it is still so
    };
    meaning of(std::uint64_t revision, std::uint64_t const* key, std::size_t keys) const;
    // Once everything up to this revision was told: whether nothing is left.
    bool forget_shown(std::uint64_t told);

    std::uint64_t told_sample = 0; // of a field without rows

  private:
    bool admit(raw_change& raw, std::size_t keys);
    bool wants_all() const { return !what_.key && !what_.where; }

    raw_watching what_;
    teller tell_;
    std::set<key_words> matching_; // of a predicate: keys of rows that it holds for
    std::optional<std::uint64_t> behind_;
    resync_reason why_ = resync_reason::start;
    std::uint64_t settled_ = 0;
    std::uint64_t shown_to_ = 0;
    std::map<key_words, std::uint64_t> shown_; // rows shown in a revision newer than settled_
    bool is_ended_ = false;
};

} // namespace covey::shm
