// history: what many processes did to one row and when, and whether one order explains it all.
//
// A row is linearizable when its operations can be put in one order, each between its call and its
// return, in which each finds what the one before left. Here the order is known: every write has a
// revision, rising in the order of the writes of its row, and every read tells the revision it
// found. So it is enough that no operation finds or makes an older revision than what had returned
// before it was called, that a revision has one value, and that a compare-and-set has nothing
// between what it compared and what it set. An operation whose process was killed may have happened
// or not. n log n.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <queue>
#include <string>
#include <vector>

namespace covey::test {

enum class deed : std::uint8_t { get, put, erase, compare_and_set };

struct event
{
    deed what = deed::get;
    bool found = false;         // get: a row; a write: it was done
    std::uint64_t called = 0;   // on one clock for all
    std::uint64_t returned = 0; // 0: killed before
    std::uint64_t value = 0;    // written or found; written values are all different
    std::uint64_t revision = 0; // made or found; of a conflict: the one that was there; 0: none
    std::uint64_t compared = 0; // compare_and_set: the revision asked for

    bool writes() const { return what != deed::get; }
    bool acknowledged() const { return returned != 0; }
    bool did_write() const { return acknowledged() && writes() && found; }
};

// Empty when one row's history is linearizable, else the first thing that no order explains.
inline std::string linearize(std::vector<event> all)
{
    auto const tell = [](char const* what, event const& one) {
        return std::string{what} + ": value " + std::to_string(one.value) + ", revision " +
               std::to_string(one.revision) + ", called at " + std::to_string(one.called);
    };
    std::sort(all.begin(), all.end(),
              [](auto const& a, auto const& b) { return a.called < b.called; });
    std::map<std::uint64_t, event const*> writes; // by revision
    std::map<std::uint64_t, event const*> lost; // by value: of the killed, which may have happened
    std::vector<std::uint64_t> lost_erasures;   // when they were called
    for (auto const& one : all) {
        if (one.did_write() && !writes.emplace(one.revision, &one).second)
            return tell("two writes have one revision", one);
        if (!one.acknowledged() && one.what == deed::erase)
            lost_erasures.push_back(one.called);
        else if (!one.acknowledged() && one.writes())
            lost.emplace(one.value, &one);
    }
    std::map<std::uint64_t, std::uint64_t> found_lost; // a killed write's value, and its revision
    for (auto const& one : all) {
        bool const reads = one.acknowledged() && one.what == deed::get && one.found;
        if (!reads)
            continue;
        auto const write = writes.find(one.revision);
        if (write != writes.end()) {
            if (write->second->value != one.value || write->second->what == deed::erase)
                return tell("a row is found that its revision did not write", one);
            if (write->second->called > one.returned)
                return tell("a row is found before it is written", one);
            continue;
        }
        auto const killed = lost.find(one.value);
        if (killed == lost.end() || killed->second->called > one.returned)
            return tell("a row is found that nobody wrote", one);
        auto const [known, is_new] = found_lost.emplace(one.value, one.revision);
        if (!is_new && known->second != one.revision)
            return tell("a killed write has two revisions", one);
    }
    for (auto const& one : all) {
        if (one.what != deed::compare_and_set || !one.did_write())
            continue;
        auto const after = writes.upper_bound(one.compared);
        if (after->first != one.revision)
            return tell("something was written between a compare and its set", one);
    }
    // In the order of calls, with what had returned by then.
    auto const later = [](event const* a, event const* b) { return a->returned > b->returned; };
    std::priority_queue<event const*, std::vector<event const*>, decltype(later)> open{later};
    std::uint64_t newest = 0; // revision that has been made or found by an operation that returned
    for (auto const& one : all) {
        for (; !open.empty() && open.top()->returned < one.called; open.pop())
            newest = std::max(newest, open.top()->revision);
        if (!one.acknowledged())
            continue;
        bool const made = one.did_write();
        if (one.revision != 0 && (made ? one.revision <= newest : one.revision < newest))
            return tell("older than what had returned before", one);
        if (one.revision == 0 && newest != 0) { // there was no row
            auto const is_erasure = [&](auto const& write) {
                return write.second->what == deed::erase && write.second->called < one.returned;
            };
            auto const killed = [&](auto called) { return called < one.returned; };
            if (std::none_of(writes.lower_bound(newest), writes.end(), is_erasure) &&
                std::none_of(lost_erasures.begin(), lost_erasures.end(), killed))
                return tell("a row is missing that nobody erased", one);
        }
        open.push(&one);
    }
    return {};
}

} // namespace covey::test
