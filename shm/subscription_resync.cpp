// What a subscription shows from the state, to whoever is behind.
#include "detail/subscription_core.hpp"
#include "stable_revision.hpp"

#include <algorithm>
#include <span>

namespace covey {

// ---- the state ----------------------------------------------------------------------------------

// Into `slot`, and `body` where there is one.
bool subscription::core::read(detail::watched_field const& field, std::uint64_t const* key)
{
    slot.resize(places(field).slot_words());
    if (places(field).bound == 0)
        return field.rows.read(key, slot.data());
    return field.rows.read(key, slot.data(), [&](std::size_t bytes) {
        body.resize(bytes);
        return std::span<std::byte>{body};
    });
}

// The rows of a map or value as they are now. Of a queue there is nothing to show.
void subscription::core::visit_rows(detail::watched_field& field,
                                    detail::function_ref<void(raw_change const&)> visit)
{
    auto const visit_slot = [&](std::uint64_t const* row) {
        if (places(field).bound != 0) {
            if (!read(field, row + 1))
                return; // its removal's record follows
            row = slot.data();
        }
        visit({.kind = change_kind::put,
               .revision = row[0],
               .key = row + 1,
               .row = row + 1 + keys(field),
               .body = body});
    };
    if (places(field).kind == field_kind::map) {
        field.rows.for_each(visit_slot);
    } else if (places(field).kind == field_kind::value) {
        read(field, nullptr);
        std::vector<std::uint64_t> const one{slot};
        visit_slot(one.data());
    }
}

// ---- resync -------------------------------------------------------------------------------------

// Whether all must be shown, for something may have been removed since then.
bool subscription::core::is_complete(detail::watched_field& field, std::uint64_t from)
{
    auto const& its = places(field);
    if (from == 0 || its.kind == field_kind::ring || its.kind == field_kind::queue)
        return true;
    for (std::uint32_t shard = 0; shard != its.shard_count; ++shard)
        if (memory.shard(its, shard).removed.load(std::memory_order_acquire) > from)
            return true;
    return false;
}

std::size_t subscription::core::show(detail::watched_field& field, shm::watcher& to)
{
    auto const newest = memory.head().revision.load(std::memory_order_acquire);
    auto const from = std::min(to.behind_from(), newest);
    auto const why = to.why();
    auto const settled = shm::stable_revision(memory);
    bool const complete = is_complete(field, from);
    to.begin_showing(settled, complete);
    std::size_t calls = 0;
    try {
        calls += to.offer({.kind = change_kind::resync,
                           .revision = newest,
                           .resync = {from, newest, why, complete}},
                          0);
        if (field.lanes)
            calls += show_appended(field, to, from);
        else
            visit_rows(field, [&](raw_change const& row) {
                if (!complete && row.revision <= from)
                    return;
                to.show(row, keys(field));
                calls += to.offer(row, keys(field));
            });
    } catch (...) {
        fall_behind(to, from, why); // once more: nobody can say what it has made of it
        throw;
    }
    has_shown = true;
    to.end_showing(memory.head().revision.load(std::memory_order_acquire));
    return calls;
}

std::size_t subscription::core::show_appended(detail::watched_field& field, shm::watcher& to,
                                              std::uint64_t from)
{
    shm::lane_reader all{memory, places(field)};
    shm::lane_batch rows;
    all.rewind(places(field).capacity);
    all.read(memory.head().revision.load(std::memory_order_acquire), rows);
    std::size_t calls = 0;
    auto const surplus =
        rows.entries.size() - std::min<std::size_t>(rows.entries.size(), places(field).capacity);
    for (auto i = surplus; i != rows.entries.size(); ++i) {
        auto const& one = rows.entries[i];
        if (one.revision <= from)
            continue;
        to.show({.revision = one.revision, .key = &one.revision}, 1);
        calls += to.offer({.revision = one.revision, .row = rows.row(one)}, 0);
    }
    return calls;
}

std::size_t subscription::core::catch_up()
{
    std::size_t calls = 0;
    is_behind = false;                                 // unless one falls behind meanwhile
    for (std::size_t i = 0; i != fields.size(); ++i) { // NOLINT(modernize-loop-convert)
        for (std::size_t j = 0; j != fields[i].watchers.size(); ++j)
            if (auto const one = fields[i].watchers[j]; one->is_behind())
                calls += show(fields[i], *one);
    }
    if (calls > 0)
        end_revision(memory.head().revision.load(std::memory_order_acquire));
    return calls;
}

std::size_t subscription::core::lapped()
{
    ++resyncs;
    shm::add_to(who.counts().resyncs);
    reader.skip_to_now();
    held.clear();
    for (auto& field : fields)
        if (!is_sampled(field) && !field.lanes) // lanes are read on their own
            for (auto& one : field.watchers)
                fall_behind(*one, told_to, resync_reason::lapped);
    return catch_up();
}

} // namespace covey
