#include "subscription.hpp"

#include "detail/participant_core.hpp"
#include "doorbell.hpp"
#include "lane_reader.hpp"
#include "lanes.hpp"
#include "ring_reader.hpp"
#include "table.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <unistd.h>
#include <vector>

namespace covey {

namespace {

struct watcher
{
    std::function<void(raw_change const&)> tell;
    std::uint64_t told_sample = 0; // of a field without rows
};

// A row of a ring, copied into its field's batch.
struct appended_row
{
    std::uint64_t revision = 0;
    std::size_t field = 0; // in core::fields
    std::uint64_t const* row = nullptr;
};

// Deques: a handler may subscribe to more while it is being called.
struct watched_field
{
    std::uint32_t index = 0;
    shm::table rows;                       // of a map or value
    std::optional<shm::lane_reader> lanes; // of a ring
    shm::lane_batch appended;
    std::deque<watcher> watchers;
    // Rows that a resync showed in a revision newer than its start: their records come later.
    std::map<std::vector<std::uint64_t>, std::uint64_t> shown;
};

} // namespace

struct subscription::core
{
    explicit core(participant& owner)
        : who{owner.internals()}
        , memory{*who.memory}
        , reader{memory, who.block}
        , since{memory.head().revision.load(std::memory_order_acquire)}
    {}

    watched_field* find(std::uint32_t field)
    {
        auto const at = std::find_if(fields.begin(), fields.end(),
                                     [&](auto const& one) { return one.index == field; });
        return at == fields.end() ? nullptr : &*at;
    }
    shm::field_plan const& places(watched_field const& field) const
    {
        return memory.places().fields[field.index];
    }
    bool read(watched_field const& field, std::uint64_t const* key);
    bool is_sampled(watched_field const& field) const { return !has_rows(places(field).kind); }
    bool samples_differ() const;
    void wake();
    std::size_t tell(watched_field& field, raw_change const& raw);
    std::size_t tell(watched_field& field, shm::record_copy const& one);
    std::size_t tell_samples();
    std::size_t read_lanes();
    std::size_t tell_appended(std::uint64_t before);
    std::size_t resync();
    std::size_t show(watched_field& field);
    bool news() const;

    participant::core& who;
    shm::arena const& memory;
    shm::ring_reader reader;
    std::uint64_t since;
    std::uint64_t resyncs = 0;
    std::uint64_t resync_from = 0; // revisions that the last resync started from and ended at
    std::uint64_t resync_to = 0;
    std::deque<watched_field> fields;
    std::vector<shm::record_copy> batch;
    std::deque<appended_row> appended; // of all rings, oldest first
    std::vector<std::uint64_t> slot;
    std::vector<std::byte> body;
    std::function<void()> post;
    bool posted = false; // an own change has asked for a dispatch that has not come yet
    bool armed = false;
};

subscription::subscription(participant& who)
    : core_{std::make_unique<core>(who)}
{
    who.on_own_change([this] {
        if (core_->post && !core_->posted && !core_->fields.empty()) {
            core_->posted = true;
            core_->post();
        }
    });
}

subscription::~subscription()
{
    core_->who.on_own_change = nullptr;
    for (auto const& field : core_->fields)
        shm::clear_block(core_->memory.at<shm::block_set>(
                             core_->memory.places().fields[field.index].subscribers),
                         core_->who.block);
    if (core_->armed)
        shm::disarm_bell(core_->memory, core_->who.block);
}

void subscription::watch(std::uint32_t field, std::function<void(raw_change const&)> tell)
{
    auto* at = core_->find(field);
    if (at == nullptr) {
        at = &core_->fields.emplace_back();
        at->index = field;
        at->rows = shm::table{core_->who, field};
        if (core_->places(*at).kind == field_kind::ring)
            at->lanes.emplace(core_->memory, core_->places(*at));
        shm::set_block(core_->memory.at<shm::block_set>(core_->places(*at).subscribers),
                       core_->who.block);
    }
    auto& made = at->watchers.emplace_back(watcher{.tell = std::move(tell)});
    if (core_->is_sampled(*at))
        made.told_sample = shm::sample_of(core_->memory, core_->places(*at));
}

std::size_t subscription::core::tell(watched_field& field, raw_change const& raw)
{
    auto const count = field.watchers.size(); // what subscribes now is told from the next one on
    for (std::size_t i = 0; i != count; ++i)
        field.watchers[i].tell(raw);
    return count;
}

std::size_t subscription::core::tell_samples()
{
    std::size_t calls = 0;
    // By number, here and below: a handler may subscribe to one more field.
    for (std::size_t i = 0; i != fields.size(); ++i) { // NOLINT(modernize-loop-convert)
        if (!is_sampled(fields[i]))
            continue;
        auto const sample = shm::sample_of(memory, places(fields[i]));
        for (std::size_t j = 0; j != fields[i].watchers.size(); ++j) {
            auto& one = fields[i].watchers[j];
            if (one.told_sample == sample)
                continue;
            one.told_sample = sample;
            one.tell({});
            ++calls;
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
            if (one.told_sample != sample)
                return true;
    }
    return false;
}

void subscription::core::wake()
{
    if (armed)
        shm::disarm_bell(memory, who.block);
    armed = false;
}

// Copies what was appended to rings. One whose lanes were lapped is told a resync at once; the rows
// that it has follow like any others.
std::size_t subscription::core::read_lanes()
{
    std::size_t calls = 0;
    appended.clear();
    for (std::size_t i = 0; i != fields.size(); ++i) { // NOLINT(modernize-loop-convert)
        auto& field = fields[i];
        if (!field.lanes)
            continue;
        if (!field.lanes->read(reader.newest(), field.appended)) {
            ++resyncs;
            auto const newest = memory.head().revision.load(std::memory_order_acquire);
            calls += tell(field, {.kind = change_kind::resync, .revision = newest});
        }
        for (auto const& one : field.appended.entries)
            appended.push_back({one.revision, i, field.appended.row(one)});
    }
    std::sort(appended.begin(), appended.end(),
              [](auto const& a, auto const& b) { return a.revision < b.revision; });
    return calls;
}

// Those that are older than a revision.
std::size_t subscription::core::tell_appended(std::uint64_t before)
{
    std::size_t calls = 0;
    for (; !appended.empty() && appended.front().revision < before; appended.pop_front())
        calls += tell(fields[appended.front().field], {.kind = change_kind::put,
                                                       .revision = appended.front().revision,
                                                       .row = appended.front().row});
    return calls;
}

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

// The rows of a field as they are now, each told as a put. Of a queue there is nothing to show.
std::size_t subscription::core::show(watched_field& field)
{
    std::size_t calls = 0;
    auto const keys = places(field).key_words;
    auto const visit = [&](std::uint64_t const* row) {
        if (places(field).bound != 0) {
            if (!read(field, row + 1))
                return; // its removal's record follows
            row = slot.data();
        }
        if (row[0] > resync_from)
            field.shown[{row + 1, row + 1 + keys}] = row[0];
        calls += tell(field, {.kind = change_kind::put,
                              .revision = row[0],
                              .key = row + 1,
                              .row = row + 1 + keys,
                              .body = body});
    };
    if (places(field).kind == field_kind::map)
        field.rows.for_each(visit);
    else if (places(field).kind == field_kind::value) {
        read(field, nullptr);
        visit(slot.data());
    }
    return calls;
}

std::size_t subscription::core::resync()
{
    ++resyncs;
    std::size_t calls = 0;
    resync_from = memory.head().revision.load(std::memory_order_acquire);
    reader.skip_to_now();
    for (std::size_t i = 0; i != fields.size(); ++i) { // NOLINT(modernize-loop-convert)
        auto& field = fields[i];
        if (is_sampled(field) || field.lanes) // lanes are read on their own
            continue;
        field.shown.clear();
        calls += tell(field, {.kind = change_kind::resync, .revision = resync_from});
        calls += show(field);
    }
    resync_to = memory.head().revision.load(std::memory_order_acquire);
    return calls;
}

std::size_t subscription::core::tell(watched_field& field, shm::record_copy const& one)
{
    auto const keys = places(field).key_words;
    raw_change raw{.kind = static_cast<change_kind>(one.kind),
                   .revision = one.revision,
                   .key = one.body.data(),
                   .row = one.has_row && places(field).row_in_record ? one.body.data() + keys
                                                                     : nullptr};
    if (places(field).kind == field_kind::queue)
        return tell(field, raw);
    bool const in_resync = one.revision <= resync_to;
    if (in_resync) {
        auto const shown = field.shown.find({raw.key, raw.key + keys});
        if (shown != field.shown.end() && shown->second >= one.revision)
            return 0;
    }
    bool const put = raw.kind == change_kind::put;
    if (in_resync || (put && raw.row == nullptr)) {
        // Told only if it is still so: else a newer record of this key follows, or was shown.
        bool const there = read(field, raw.key);
        if (put != there || (put && slot[0] != one.revision))
            return 0;
        raw.row = put ? slot.data() + 1 + keys : nullptr;
        raw.body = body;
    }
    return tell(field, raw);
}

std::size_t subscription::dispatch()
{
    auto& me = *core_;
    me.posted = false;
    me.wake();
    std::size_t calls = me.tell_samples();
    if (!me.reader.read(me.batch))
        return calls + me.resync();
    calls += me.read_lanes();
    for (auto const& one : me.batch) {
        calls += me.tell_appended(one.revision);
        auto* field = me.find(one.field);
        if (field != nullptr && !me.is_sampled(*field))
            calls += me.tell(*field, one);
    }
    calls += me.tell_appended(std::numeric_limits<std::uint64_t>::max());
    if (me.batch.empty() || me.batch.front().revision > me.resync_to)
        for (auto& field : me.fields)
            field.shown.clear();
    return calls;
}

bool subscription::core::news() const
{
    return reader.news() || samples_differ() ||
           std::any_of(fields.begin(), fields.end(),
                       [](auto const& field) { return field.lanes && field.lanes->news(); });
}

void subscription::answer()
{
    std::uint64_t rung = 0;
    [[maybe_unused]] auto const was = ::read(doorbell(), &rung, sizeof rung); // EAGAIN: not rung
}

bool subscription::arm()
{
    auto& me = *core_;
    shm::arm_bell(me.memory, me.who.block);
    me.armed = true;
    if (!me.news())
        return true;
    me.wake();
    return false;
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

std::uint64_t subscription::resyncs() const
{
    return core_->resyncs;
}

} // namespace covey
