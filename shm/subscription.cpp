#include "subscription.hpp"

#include "detail/participant_core.hpp"
#include "doorbell.hpp"
#include "folding.hpp"
#include "lane_reader.hpp"
#include "lanes.hpp"
#include "ring_reader.hpp"
#include "stable_revision.hpp"
#include "table.hpp"
#include "watcher.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>
#include <poll.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace covey {

namespace {

// Deques: a handler may watch more while it is being called.
struct watched_field
{
    std::uint32_t index = 0;
    shm::table rows;                       // of a map or value
    std::optional<shm::lane_reader> lanes; // of a ring
    shm::lane_batch appended;
    std::deque<std::shared_ptr<shm::watcher>> watchers;

    bool has(delivery how) const
    {
        return std::any_of(watchers.begin(), watchers.end(), [how](auto const& one) {
            return !one->is_ended() && one->deliver() == how;
        });
    }
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

} // namespace

struct subscription::core
{
    explicit core(participant& owner)
        : who{owner.internals()}
        , memory{*who.memory}
        , reader{memory, who.block}
        , folded{memory.head().secret}
        , since{memory.head().revision.load(std::memory_order_acquire)}
        , told_to{shm::stable_revision(memory)}
        , told_before{told_to}
    {}

    shm::field_plan const& places(watched_field const& field) const
    {
        return memory.places().fields[field.index];
    }
    std::size_t keys(watched_field const& field) const { return places(field).key_words; }
    bool is_sampled(watched_field const& field) const { return !has_rows(places(field).kind); }

    watched_field* find(std::uint32_t field);
    watched_field& watched(std::uint32_t field);
    void wake();
    bool read(watched_field const& field, std::uint64_t const* key);
    void visit_rows(watched_field& field, detail::function_ref<void(raw_change const&)> visit);
    void drop_ended();

    // ---- one dispatch, in this order ----
    std::size_t tell_samples();
    std::size_t catch_up();
    std::size_t collect();
    std::size_t tell_items();

    bool is_complete(watched_field& field, std::uint64_t from);
    std::size_t show(watched_field& field, shm::watcher& to);
    std::size_t show_appended(watched_field& field, shm::watcher& to, std::uint64_t from);
    std::size_t lapped();
    void collect_records(std::uint64_t stable);
    std::size_t collect_appended(std::uint64_t stable);
    std::size_t tell(news_item const& it);
    std::size_t tell(news_item const& it, shm::watcher& to, std::optional<bool>& is_there);
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
    // What may be one is known only when rings are looked at once more (next_cursor), so that who
    // spins touches writers' intents after it has told a change, not while it waits for one.
    std::uint64_t told_to;
    std::uint64_t told_before;
    std::optional<std::uint64_t> next_cursor;
    std::uint64_t ordered_to = 0; // what ordered watches have been told up to
    std::uint64_t resyncs = 0;
    std::deque<watched_field> fields;
    std::deque<std::shared_ptr<revision_end>> revision_ends;

    std::vector<shm::record_copy> batch;
    std::vector<shm::record_copy> waiting; // for ordered watches: newer than what was stable
    std::vector<shm::record_copy> held;    // those, while items point to them
    std::vector<news_item> items;
    std::size_t next_item = 0; // not told yet; items may be left when a handler has thrown
    bool lanes_held = false;   // as `held`, of appended rows

    std::vector<std::uint64_t> slot;
    std::vector<std::byte> body;
    std::function<void()> post;
    bool posted = false; // an own change has asked for a dispatch that has not come yet
    bool armed = false;
    bool dispatching = false;
    bool over = false; // the subscription is gone
};

// ---- watches ------------------------------------------------------------------------------------

subscription::subscription(participant& who)
    : core_{std::make_shared<core>(who)}
{
    who.on_own_change([me = core_.get()] {
        if (me->post && !me->posted && !me->fields.empty()) {
            me->posted = true;
            me->post();
        }
    });
}

subscription::~subscription()
{
    core_->who.on_own_change = nullptr;
    for (auto& field : core_->fields)
        for (auto& one : field.watchers)
            one->end();
    core_->over = true;
    core_->drop_ended();
    core_->wake();
}

watched_field* subscription::core::find(std::uint32_t field)
{
    auto const at = std::find_if(fields.begin(), fields.end(),
                                 [&](auto const& one) { return one.index == field; });
    return at == fields.end() ? nullptr : &*at;
}

watched_field& subscription::core::watched(std::uint32_t field)
{
    auto* at = find(field);
    if (at == nullptr) {
        at = &fields.emplace_back();
        at->index = field;
        at->rows = shm::table{who, field};
        if (places(*at).kind == field_kind::ring)
            at->lanes.emplace(memory, places(*at));
    }
    shm::set_block(memory.at<shm::block_set>(places(*at).subscribers), who.block);
    return *at;
}

watch subscription::add(std::uint32_t field, raw_watching what,
                        std::function<void(raw_change const&)> tell)
{
    auto& me = *core_;
    auto& at = me.watched(field);
    auto const from = what.from;
    auto made = std::make_shared<shm::watcher>(std::move(what), std::move(tell));
    at.watchers.push_back(made);
    if (me.is_sampled(at)) {
        made->told_sample = shm::sample_of(me.memory, me.places(at));
        if (!from.is_now())
            ++made->told_sample; // another one: it is told what there is
    } else if (!from.is_now()) {
        made->fall_behind(from.revision(), resync_reason::start);
        if (me.post && !std::exchange(me.posted, true))
            me.post();
    } else if (made->has_predicate() && !at.lanes) {
        me.visit_rows(at, [&](raw_change const& row) { made->note(row, me.keys(at)); });
    }
    return watch{[whole = std::weak_ptr{core_}, one = std::weak_ptr{made}] {
        if (auto const its = one.lock())
            its->end();
        if (auto const all = whole.lock())
            all->drop_ended();
    }};
}

watch subscription::after_revisions(std::function<void(std::uint64_t)> call)
{
    auto made = std::make_shared<revision_end>(revision_end{std::move(call)});
    core_->revision_ends.push_back(made);
    return watch{[one = std::weak_ptr{made}] {
        if (auto const its = one.lock())
            its->is_ended = true;
    }};
}

// Not while one of them may be called. A field without a watcher is not rung for; it stays, and is
// ready for the next.
void subscription::core::drop_ended()
{
    if (dispatching)
        return;
    for (auto& field : fields) {
        auto const is_ended = [](auto const& one) { return one->is_ended(); };
        std::erase_if(field.watchers, is_ended);
        if (field.watchers.empty())
            shm::clear_block(memory.at<shm::block_set>(places(field).subscribers), who.block);
    }
    std::erase_if(revision_ends, [](auto const& one) { return one->is_ended; });
}

void subscription::core::wake()
{
    if (armed)
        shm::disarm_bell(memory, who.block);
    armed = false;
}

// ---- the state ----------------------------------------------------------------------------------

// Into `slot`, and `body` where there is one.
bool subscription::core::read(watched_field const& field, std::uint64_t const* key)
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
void subscription::core::visit_rows(watched_field& field,
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

// ---- resync -------------------------------------------------------------------------------------

// Whether all must be shown, for something may have been removed since then.
bool subscription::core::is_complete(watched_field& field, std::uint64_t from)
{
    auto const& its = places(field);
    if (from == 0 || its.kind == field_kind::ring || its.kind == field_kind::queue)
        return true;
    for (std::uint32_t shard = 0; shard != its.shard_count; ++shard)
        if (memory.shard(its, shard).removed.load(std::memory_order_acquire) > from)
            return true;
    return false;
}

std::size_t subscription::core::show(watched_field& field, shm::watcher& to)
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
        to.fall_behind(from, why); // once more: nobody can say what it has made of it
        throw;
    }
    to.end_showing(memory.head().revision.load(std::memory_order_acquire));
    return calls;
}

std::size_t subscription::core::show_appended(watched_field& field, shm::watcher& to,
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
                one->fall_behind(told_to, resync_reason::lapped);
    return catch_up();
}

// ---- collecting ---------------------------------------------------------------------------------

// What is new in the rings, as items, oldest first.
std::size_t subscription::core::collect()
{
    items.clear();
    next_item = 0;
    held = std::exchange(waiting, {});
    std::size_t calls = catch_up();
    if (has_ordered())
        ordered_to = shm::stable_revision(memory);
    else
        held.clear(); // of watches that have ended
    if (reader.read(batch)) {
        told_before = told_to;
        told_to = next_cursor.value_or(told_to);
    } else {
        calls += lapped();
        batch.clear();
    }
    next_cursor.reset();
    auto const stable = ordered_to;
    calls += collect_appended(stable);
    collect_records(stable);
    std::stable_sort(items.begin(), items.end(),
                     [](auto const& a, auto const& b) { return a.revision < b.revision; });
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

// Lanes are not read beyond what is stable while somebody wants their rows ordered.
std::size_t subscription::core::collect_appended(std::uint64_t stable)
{
    std::size_t calls = 0;
    lanes_held = false;
    for (std::size_t i = 0; i != fields.size(); ++i) { // NOLINT(modernize-loop-convert)
        auto& field = fields[i];
        if (!field.lanes)
            continue;
        bool const is_ordered = field.has(delivery::ordered);
        bool const whole = field.lanes->read(is_ordered ? stable : reader.newest(), field.appended);
        lanes_held = lanes_held || (is_ordered && field.lanes->news());
        if (!whole) { // the rows that it has follow like any others
            ++resyncs;
            shm::add_to(who.counts().resyncs);
            auto const newest = memory.head().revision.load(std::memory_order_acquire);
            raw_change const missed{.kind = change_kind::resync,
                                    .revision = newest,
                                    .resync = {told_to, newest, resync_reason::lapped, true}};
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

// ---- telling ------------------------------------------------------------------------------------

std::size_t subscription::core::tell_items()
{
    std::size_t calls = 0;
    while (next_item != items.size() && !over) {
        auto const it = items[next_item++];
        calls += tell(it);
        if (it.for_ordered &&
            (next_item == items.size() || items[next_item].revision != it.revision))
            end_revision(it.revision);
    }
    if (next_item == items.size())
        for (auto& field : fields)
            for (auto& one : field.watchers)
                one->forget_shown(told_to);
    return calls;
}

void subscription::core::end_revision(std::uint64_t revision)
{
    for (std::size_t i = 0; i != revision_ends.size() && !over; ++i)
        if (auto const one = revision_ends[i]; !one->is_ended)
            one->call(revision);
}

std::size_t subscription::core::tell(news_item const& it)
{
    std::size_t calls = 0;
    std::optional<bool> is_there; // the row it is about, once it has been looked for
    auto const count = it.field->watchers.size(); // who watches from now on hears the next one
    for (std::size_t i = 0; i != count && !over; ++i) {
        auto const to = it.field->watchers[i];
        bool const is_ordered = to->deliver() == delivery::ordered;
        if (to->is_ended() || !(is_ordered ? it.for_ordered : it.for_others))
            continue;
        if (to->deliver() == delivery::latest && it.is_folded) {
            shm::add_to(who.counts().folded);
            continue;
        }
        calls += tell(it, *to, is_there);
    }
    return calls;
}

std::size_t subscription::core::tell(news_item const& it, shm::watcher& to,
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

// ---- the subscription's face ------------------------------------------------------------

std::size_t subscription::dispatch()
{
    auto const me = core_; // a handler may destroy the subscription
    if (me->dispatching)
        return 0;
    me->posted = false;
    me->wake();
    me->dispatching = true;
    struct end // also when a handler throws
    {
        core& its;
        ~end()
        {
            its.dispatching = false;
            its.drop_ended();
        }
    } const ended{*me};
    std::size_t calls = me->tell_samples();
    if (!me->over && me->news()) {
        if (me->next_item == me->items.size())
            calls += me->collect();
        calls += me->tell_items();
    }
    if (calls == 0)
        return 0;
    shm::add_to(me->who.counts().told, calls);
    if (!me->over && !me->next_cursor)
        me->next_cursor = shm::stable_revision(me->memory);
    return calls;
}

// What is to be done by a dispatch, words apart.
bool subscription::core::news() const
{
    auto const is_behind = [](auto const& field) {
        return std::any_of(field.watchers.begin(), field.watchers.end(),
                           [](auto const& one) { return one->is_behind(); });
    };
    return next_item != items.size() || reader.news() || lanes_have_news() ||
           ((lanes_held || !waiting.empty()) && shm::stable_revision(memory) > ordered_to) ||
           std::any_of(fields.begin(), fields.end(), is_behind);
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

void subscription::answer()
{
    std::uint64_t rung = 0;
    [[maybe_unused]] auto const was = ::read(doorbell(), &rung, sizeof rung); // EAGAIN: not rung
}

void subscription::sleep(std::chrono::milliseconds at_most)
{
    if (holds_back())
        at_most = std::min(at_most, held_back_look);
    pollfd bell{.fd = doorbell(), .events = POLLIN, .revents = 0};
    constexpr std::chrono::milliseconds most{std::numeric_limits<int>::max()};
    ::poll(&bell, 1, static_cast<int>(std::min(at_most, most).count())); // or interrupted: no harm
    answer();
}

bool subscription::arm()
{
    auto& me = *core_;
    shm::arm_bell(me.memory, me.who.block);
    me.armed = true;
    if (me.news() || me.samples_differ()) {
        me.wake();
        return false;
    }
    if (me.next_cursor)
        me.told_before = me.told_to = *std::exchange(me.next_cursor, {});
    return true;
}

bool subscription::holds_back() const
{
    return core_->lanes_held || !core_->waiting.empty();
}

int subscription::doorbell() const
{
    return core_->who.bells.handles()[core_->who.block].get();
}

void subscription::on_own_change(std::function<void()> post)
{
    core_->post = std::move(post);
}

std::uint64_t subscription::since() const
{
    return core_->since;
}

std::uint64_t subscription::cursor() const
{
    return core_->next_item == core_->items.size() ? core_->told_to : core_->told_before;
}

std::uint64_t subscription::resyncs() const
{
    return core_->resyncs;
}

} // namespace covey
