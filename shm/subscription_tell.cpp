// Who of a subscription's watchers hears of what has been collected.
#include "detail/subscription_core.hpp"
#include "lanes.hpp"

#include <algorithm>

namespace covey {

// ---- words --------------------------------------------------------------------------------------

std::size_t subscription::core::tell_samples()
{
    std::size_t calls = 0;
    // By number, here and below: a handler may watch more.
    for (std::size_t i = 0; i != fields.size(); ++i) { // NOLINT(modernize-loop-convert)
        if (!is_sampled(fields[i]))
            continue;
        auto const sample = shm::sample_of(memory, places(fields[i]));
        for (std::size_t j = 0; j != fields[i].watchers.size(); ++j) {
            auto const one = fields[i].watchers[j];
            if (one->told_sample == sample)
                continue;
            one->told_sample = sample;
            calls += one->offer({}, 0);
        }
    }
    return calls;
}

bool subscription::core::samples_differ() const
{
    for (auto const& field : fields) {
        if (!is_sampled(field))
            continue;
        auto const sample = shm::sample_of(memory, places(field));
        for (auto const& one : field.watchers)
            if (one->told_sample != sample)
                return true;
    }
    return false;
}

// ---- telling ------------------------------------------------------------------------------------

std::size_t subscription::core::tell_items()
{
    std::size_t calls = 0;
    while (next_item != items.size() && !over) {
        auto const& it = items[next_item++];
        calls += tell(it);
        if (it.for_ordered &&
            (next_item == items.size() || items[next_item].revision != it.revision))
            end_revision(it.revision);
    }
    if (has_shown && next_item == items.size()) {
        has_shown = false;
        for (auto& field : fields)
            for (auto& one : field.watchers)
                has_shown = !one->forget_shown(told_to) || has_shown;
    }
    return calls;
}

void subscription::core::end_revision(std::uint64_t revision)
{
    for (std::size_t i = 0; i != revision_ends.size() && !over; ++i)
        if (auto const one = revision_ends[i]; !one->is_ended)
            one->call(revision);
}

std::size_t subscription::core::tell(detail::news_item const& it)
{
    std::size_t calls = 0;
    std::optional<bool> is_there; // the row it is about, once it has been looked for
    auto const count = it.field->watchers.size(); // who watches from now on hears the next one
    for (std::size_t i = 0; i != count && !over; ++i) {
        auto& to = *it.field->watchers[i]; // none is dropped during a dispatch
        bool const is_ordered = to.deliver() == delivery::ordered;
        if (to.is_ended() || !(is_ordered ? it.for_ordered : it.for_others))
            continue;
        if (to.deliver() == delivery::latest && it.is_folded) {
            shm::add_to(who.counts().folded);
            continue;
        }
        calls += tell(it, to, is_there);
    }
    return calls;
}

std::size_t subscription::core::tell(detail::news_item const& it, shm::watcher& to,
                                     std::optional<bool>& is_there)
{
    auto const& its = places(*it.field);
    raw_change raw{.revision = it.revision};
    if (it.record == nullptr) {
        if (to.of(it.revision, &it.revision, 1) == shm::watcher::meaning::known)
            return 0;
        raw.row = it.row;
        return it.is_own && !to.wants_own() ? 0 : to.offer(raw, 0);
    }
    raw.kind = static_cast<change_kind>(it.record->kind);
    raw.key = it.record->body.data();
    if (it.record->has_row && its.row_in_record)
        raw.row = raw.key + its.key_words;
    if (to.deliver() == delivery::latest)
        raw.folded = it.stands_for;
    auto const meaning = to.of(it.revision, raw.key, its.key_words);
    if (meaning == shm::watcher::meaning::known)
        return 0;
    bool const put = raw.kind == change_kind::put;
    if (its.kind != field_kind::queue &&
        (meaning == shm::watcher::meaning::doubtful || (put && raw.row == nullptr))) {
        // Told only if it is still so: else a newer record of this key follows, or was shown.
        if (!is_there)
            is_there = read(*it.field, raw.key);
        if (put != *is_there || (put && slot[0] != it.revision)) {
            shm::add_to(who.counts().folded);
            return 0;
        }
        raw.row = put ? slot.data() + 1 + its.key_words : nullptr;
        raw.body = body;
    }
    if (it.is_own && !to.wants_own()) {
        to.note(raw, its.key_words);
        return 0;
    }
    return to.offer(raw, its.key_words);
}

} // namespace covey
