// What is new for a subscription, in the order of revisions.
#include "detail/by_revision.hpp"
#include "detail/subscription_core.hpp"
#include "lanes.hpp"
#include "stable_revision.hpp"

#include <algorithm>
#include <utility>

namespace covey {

// What is to be done by a dispatch, words apart.
bool subscription::core::news() const
{
    return next_item != items.size() || is_behind || reader.news() ||
           (has_lanes && lanes_have_news()) ||
           ((lanes_held || !waiting.empty()) && shm::stable_revision(memory) > ordered_to);
}

bool subscription::core::has_ordered() const
{
    return std::any_of(fields.begin(), fields.end(),
                       [](auto const& one) { return one.has(delivery::ordered); });
}

bool subscription::core::lanes_have_news() const
{
    return std::any_of(fields.begin(), fields.end(), [this](auto const& field) {
        return field.lanes && !(lanes_held && field.has(delivery::ordered)) && field.lanes->news();
    });
}

// ---- collecting ---------------------------------------------------------------------------------

// What is new in the rings, as items, oldest first.
std::size_t subscription::core::collect()
{
    items.clear();
    next_item = 0;
    held = std::exchange(waiting, {});
    cursor_is_old = true;
    std::size_t calls = is_behind ? catch_up() : 0;
    if (has_ordered())
        ordered_to = shm::stable_revision(memory);
    else
        held.clear(); // of watches that have ended
    auto const newest = has_lanes ? memory.head().revision.load(std::memory_order_acquire) : 0;
    if (reader.read(batch)) {
        told_before = told_to;
        told_to = next_cursor.value_or(told_to);
    } else {
        calls += lapped();
        batch.clear();
    }
    next_cursor.reset();
    auto const stable = ordered_to;
    lanes_held = false;
    if (has_lanes)
        calls += collect_appended(newest);
    collect_records(stable);
    shm::sort_by_revision(items);
    return calls;
}

void subscription::core::collect_records(std::uint64_t stable)
{
    bool const folds =
        batch.size() > 1 && std::any_of(fields.begin(), fields.end(),
                                        [](auto const& one) { return one.has(delivery::latest); });
    if (folds)
        folded.fold(batch,
                    [&](std::uint32_t field) { return memory.places().fields[field].key_words; });
    for (auto const& one : held) {
        auto* const field = find(one.field);
        if (one.revision > stable)
            waiting.push_back(one);
        else if (field != nullptr)
            items.push_back({.revision = one.revision,
                             .field = field,
                             .record = &one,
                             .is_own = one.ring == who.block,
                             .for_others = false});
    }
    for (std::size_t i = 0; i != batch.size(); ++i) {
        auto const& one = batch[i];
        auto* const field = find(one.field);
        if (field == nullptr || is_sampled(*field) || field->watchers.empty())
            continue;
        bool const is_stable = one.revision <= stable;
        if (!is_stable && field->has(delivery::ordered))
            waiting.push_back(one);
        bool const may_fold = folds && places(*field).kind != field_kind::queue;
        items.push_back({.revision = one.revision,
                         .field = field,
                         .record = &one,
                         .is_own = one.ring == who.block,
                         .for_ordered = is_stable,
                         .is_folded = may_fold && folded.is_folded(i),
                         .stands_for = may_fold ? folded.stands_for(i) : 0});
    }
}

// Of lanes what is not newer than `newest`: their rows fall among records that are told by now. Nor
// beyond what is stable while somebody wants them ordered.
std::size_t subscription::core::collect_appended(std::uint64_t newest)
{
    std::size_t calls = 0;
    for (std::size_t i = 0; i != fields.size(); ++i) { // NOLINT(modernize-loop-convert)
        auto& field = fields[i];
        if (!field.lanes)
            continue;
        bool const is_ordered = field.has(delivery::ordered);
        bool const whole = field.lanes->read(is_ordered ? ordered_to : newest, field.appended);
        lanes_held = lanes_held || (is_ordered && field.lanes->news());
        if (!whole) { // the rows that it has follow like any others
            ++resyncs;
            shm::add_to(who.counts().resyncs);
            auto const now = memory.head().revision.load(std::memory_order_acquire);
            raw_change const missed{.kind = change_kind::resync,
                                    .revision = now,
                                    .resync = {told_to, now, resync_reason::lapped, true}};
            // By number, for a handler may watch more. NOLINTNEXTLINE(modernize-loop-convert)
            for (std::size_t j = 0; j != field.watchers.size(); ++j)
                calls += field.watchers[j]->offer(missed, 0);
        }
        for (auto const& one : field.appended.entries)
            items.push_back({.revision = one.revision,
                             .field = &field,
                             .row = field.appended.row(one),
                             .is_own = whole && one.block == who.block});
    }
    return calls;
}

} // namespace covey
