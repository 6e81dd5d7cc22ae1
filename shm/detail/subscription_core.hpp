// What a subscription is inside the room: its fields with their watchers, and the changes that wait
// to be told. subscription.cpp has its face and its watches, subscription_collect.cpp what is new,
// subscription_resync.cpp what is shown from the state, subscription_tell.cpp who hears of it.
#pragma once

#include "../folding.hpp"
#include "../lane_reader.hpp"
#include "../ring_reader.hpp"
#include "../subscription.hpp"
#include "../table.hpp"
#include "../watcher.hpp"
#include "participant_core.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace covey {

namespace detail {

// Deques: a handler may watch more while it is being called.
struct watched_field
{
    std::uint32_t index = 0;
    shm::table rows;                       // of a map or value
    std::optional<shm::lane_reader> lanes; // of a ring
    shm::lane_batch appended;
    std::deque<std::shared_ptr<shm::watcher>> watchers;
    std::array<std::uint32_t, 3> wanted{}; // how many watchers want each delivery

    // Counts one that has ended until the end of the dispatch, as if it were there and silent.
    bool has(delivery how) const { return wanted[static_cast<std::size_t>(how)] != 0; }
    void count();
};

// A change that waits to be told: a record of a ring, or a row that was appended.
struct news_item
{
    std::uint64_t revision = 0;
    watched_field* field = nullptr;
    shm::record_copy const* record = nullptr; // else `row`
    std::uint64_t const* row = nullptr;
    bool is_own = false;
    bool for_ordered = true; // else it is too new for them, and is held back
    bool for_others = true;  // else they have heard of it
    bool is_folded = false;
    std::uint64_t stands_for = 0;
};

struct revision_end
{
    std::function<void(std::uint64_t)> call;
    bool is_ended = false;
};

} // namespace detail

struct subscription::core
{
    explicit core(participant& owner);

    shm::field_plan const& places(detail::watched_field const& field) const
    {
        return memory.places().fields[field.index];
    }
    std::size_t keys(detail::watched_field const& field) const { return places(field).key_words; }
    bool is_sampled(detail::watched_field const& field) const
    {
        return !has_rows(places(field).kind);
    }

    detail::watched_field* find(std::uint32_t field) const
    {
        return field < by_index.size() ? by_index[field] : nullptr; // a scribbled record's is not
    }
    detail::watched_field& watched(std::uint32_t field);
    void wake();
    void come_awake();
    void fall_behind(shm::watcher& one, std::uint64_t from, resync_reason why);
    bool read(detail::watched_field const& field, std::uint64_t const* key);
    void visit_rows(detail::watched_field& field,
                    detail::function_ref<void(raw_change const&)> visit);
    void one_has_ended();
    void drop_ended();

    // ---- where it is ----
    void look_where_it_is();
    void settle_cursor();
    void nothing_new();

    // ---- one dispatch, in this order ----
    std::size_t tell_samples();
    std::size_t catch_up();
    std::size_t collect();
    std::size_t tell_items();

    bool is_complete(detail::watched_field& field, std::uint64_t from);
    std::size_t show(detail::watched_field& field, shm::watcher& to);
    std::size_t show_appended(detail::watched_field& field, shm::watcher& to, std::uint64_t from);
    std::size_t lapped();
    void collect_records(std::uint64_t stable);
    std::size_t collect_appended(std::uint64_t newest);
    std::size_t tell(detail::news_item const& it);
    std::size_t tell(detail::news_item const& it, shm::watcher& to, std::optional<bool>& is_there);
    void end_revision(std::uint64_t revision);

    bool samples_differ() const;
    bool has_ordered() const;
    bool lanes_have_news() const;
    bool news() const;

    participant::core& who;
    shm::arena const& memory;
    shm::ring_reader reader;
    shm::folding folded;
    std::uint64_t since;
    // The cursor: all up to here has been collected; and up to here, before the items that wait.
    // What may be one (next_cursor) is found in writers' intents, and is one when rings that are
    // looked at later have nothing new. Whoever spins leaves intents alone while changes come, for
    // a line that is read has to be fetched back by its writer: it looks before it sleeps, after
    // so many calls, and when so many looks have found nothing.
    static constexpr std::size_t calls_a_cursor = 256;
    static constexpr int looks_a_cursor = 64;
    std::uint64_t told_to;
    std::uint64_t told_before;
    std::optional<std::uint64_t> next_cursor;
    bool cursor_is_old = false; // something was collected since it was looked for
    std::size_t calls_since = 0;
    int looks_since = 0;
    std::uint64_t ordered_to = 0; // what ordered watches have been told up to
    std::uint64_t resyncs = 0;
    std::deque<detail::watched_field> fields;
    std::vector<detail::watched_field*> by_index; // null: not watched
    std::deque<std::shared_ptr<detail::revision_end>> revision_ends;

    // What most dispatches need not look for.
    bool has_samples = false; // a field that is sampled is watched
    bool has_lanes = false;   // a ring is
    bool is_behind = false;   // a watcher is, perhaps
    bool has_shown = false;   // one remembers what it was shown, perhaps
    bool some_ended = false;  // a watch has

    std::vector<shm::record_copy> batch;
    std::vector<shm::record_copy> waiting; // for ordered watches: newer than what was stable
    std::vector<shm::record_copy> held;    // those, while items point to them
    std::vector<detail::news_item> items;
    std::size_t next_item = 0; // not told yet; items may be left when a handler has thrown
    bool lanes_held = false;   // as `held`, of appended rows

    std::vector<std::uint64_t> slot;
    std::vector<std::byte> body;
    std::function<void()> post;
    bool posted = false; // an own change has asked for a dispatch that has not come yet
    bool armed = false;  // the bell is, or has been rung since
    bool rung = false;   // it has, and what has rung it has been looked at
    bool dispatching = false;
    bool over = false; // the subscription is gone
};

} // namespace covey
