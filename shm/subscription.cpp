#include "subscription.hpp"

#include "detail/subscription_core.hpp"
#include "doorbell.hpp"
#include "lanes.hpp"
#include "stable_revision.hpp"

#include <algorithm>
#include <limits>
#include <poll.h>
#include <unistd.h>
#include <utility>

namespace covey {

subscription::core::core(participant& owner)
    : who{owner.internals()}
    , memory{*who.memory}
    , reader{memory, who.block}
    , folded{memory.head().secret}
    , since{memory.head().revision.load(std::memory_order_acquire)}
    , told_to{shm::stable_revision(memory)}
    , told_before{told_to}
    , by_index(memory.places().fields.size())
{}

// ---- what is watched ----------------------------------------------------------------------------

void detail::watched_field::count()
{
    wanted.fill(0);
    for (auto const& one : watchers)
        ++wanted[static_cast<std::size_t>(one->deliver())];
}

void subscription::core::fall_behind(shm::watcher& one, std::uint64_t from, resync_reason why)
{
    one.fall_behind(from, why);
    is_behind = true;
}

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
    core_->one_has_ended();
    core_->wake();
}

detail::watched_field& subscription::core::watched(std::uint32_t field)
{
    auto* at = find(field);
    if (at == nullptr) {
        at = &fields.emplace_back();
        at->index = field;
        at->rows = shm::table{who, field};
        if (places(*at).kind == field_kind::ring)
            at->lanes.emplace(memory, places(*at));
        by_index[field] = at;
        has_lanes = has_lanes || at->lanes;
        has_samples = has_samples || is_sampled(*at);
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
    at.count();
    if (me.is_sampled(at)) {
        made->told_sample = shm::sample_of(me.memory, me.places(at));
        if (!from.is_now())
            ++made->told_sample; // another one: it is told what there is
    } else if (!from.is_now()) {
        me.fall_behind(*made, from.revision(), resync_reason::start);
        if (me.post && !std::exchange(me.posted, true))
            me.post();
    } else if (made->has_predicate() && !at.lanes) {
        me.visit_rows(at, [&](raw_change const& row) { made->note(row, me.keys(at)); });
    }
    return watch{[whole = std::weak_ptr{core_}, one = std::weak_ptr{made}] {
        if (auto const its = one.lock())
            its->end();
        if (auto const all = whole.lock())
            all->one_has_ended();
    }};
}

watch subscription::after_revisions(std::function<void(std::uint64_t)> call)
{
    auto made = std::make_shared<detail::revision_end>(detail::revision_end{std::move(call)});
    core_->revision_ends.push_back(made);
    return watch{[whole = std::weak_ptr{core_}, one = std::weak_ptr{made}] {
        if (auto const its = one.lock())
            its->is_ended = true;
        if (auto const all = whole.lock())
            all->one_has_ended();
    }};
}

void subscription::core::one_has_ended()
{
    some_ended = true;
    drop_ended();
}

// Not while one of them may be called. A field without a watcher is not rung for; it stays, and is
// ready for the next.
void subscription::core::drop_ended()
{
    if (dispatching || !std::exchange(some_ended, false))
        return;
    for (auto& field : fields) {
        auto const is_ended = [](auto const& one) { return one->is_ended(); };
        std::erase_if(field.watchers, is_ended);
        field.count();
        if (field.watchers.empty())
            shm::clear_block(memory.at<shm::block_set>(places(field).subscribers), who.block);
    }
    std::erase_if(revision_ends, [](auto const& one) { return one->is_ended; });
}

void subscription::core::wake()
{
    if (armed)
        shm::disarm_bell(memory, who.block);
    armed = rung = false;
}

// Who has been rung is not rung again, so the change comes first: to disarm is to take two words
// away from who writes.
void subscription::core::come_awake()
{
    if (armed && !rung && shm::is_rung(memory, who.block))
        rung = true;
    else
        wake();
}

// ---- where it is --------------------------------------------------------------------------------

void subscription::core::look_where_it_is()
{
    next_cursor = shm::stable_revision(memory);
    cursor_is_old = false;
    calls_since = 0;
    looks_since = 0;
}

// The rings have been looked at since, and had nothing.
void subscription::core::settle_cursor()
{
    if (next_cursor)
        told_before = told_to = *std::exchange(next_cursor, {});
}

void subscription::core::nothing_new()
{
    settle_cursor();
    if (cursor_is_old && ++looks_since >= looks_a_cursor)
        look_where_it_is();
}

// ---- the subscription's face --------------------------------------------------------------------

std::size_t subscription::dispatch()
{
    if (core_->dispatching)
        return 0;
    core_->posted = false;
    core_->come_awake();
    if (!core_->has_samples && !core_->news()) { // the way of whoever spins
        core_->nothing_new();
        return 0;
    }
    auto const me = core_; // a handler may destroy the subscription
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
    std::size_t calls = me->has_samples ? me->tell_samples() : 0;
    if (!me->over && me->news()) {
        if (me->next_item == me->items.size())
            calls += me->collect();
        calls += me->tell_items();
    }
    if (calls == 0)
        return 0;
    shm::add_to(me->who.counts().told, calls);
    me->calls_since += calls;
    if (!me->over && me->calls_since >= core::calls_a_cursor)
        me->look_where_it_is();
    return calls;
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
    me.rung = false;
    if (me.cursor_is_old)
        me.look_where_it_is();
    if (me.news() || (me.has_samples && me.samples_differ())) {
        me.wake();
        return false;
    }
    me.settle_cursor();
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
