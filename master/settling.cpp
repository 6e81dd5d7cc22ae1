// What follows from what happened: the one way out, giving up, and what may be started now.
#include "supervisor.hpp"

#include "first_line.hpp"

#include <algorithm>
#include <covey/protocol/version.hpp>
#include <fmt/format.h>
#include <utility>

namespace covey::supervision {

using namespace std::chrono_literals;
using protocol::worker_exit::fatal;

namespace {

bool says_never_again(life const& one)
{
    return one.refused || (one.exited && one.status.exit_code() == fatal);
}

std::string could_not_start(life const& one)
{
    return fmt::format("worker {} could not start: {}", one.seat,
                       one.reason.empty() ? one.status.text() : first_line(one.reason));
}

} // namespace

// Its process has ended and its channel has been read to the end.
void supervisor::end_if_over(time_point now, supervision::life& one)
{
    if (!one.is_over())
        return;
    if (one.status.not_executed)
        roster_.tell_error(one, one.status.not_executed);
    roster_.tell(fact::exit, one, one.why());
    roster_.put(order::reap{one.id, one.block});
    if (!one.planned) // else its replacement was decided on when that was planned
        settle(now, one, loss::ended);
    roster_.close(one);
}

void supervisor::settle(time_point now, supervision::life& one, loss why)
{
    auto& at = roster_.seat_of(one);
    auto const had = at.role_of(one);
    bool const renewed_later = reloading_.is_running(); // it, or its seat, by a reload
    bool const new_one = reloading_.is_of(one) && had != role::none;
    roster_.vacate(one);
    if (stop_by_)
        return;
    if (new_one)
        reloading_.abort(now, one.obituary());
    if (had == role::fresh)
        return; // the seat has lost nothing

    milliseconds wait{0};
    if (why != loss::wished) {
        if (!announced_ && had != role::none && !renewed_later &&
            (says_never_again(one) || one.status.not_executed))
            return fail(now, could_not_start(one));
        if (why == loss::ended && says_never_again(one) && had != role::none && !at.holder &&
            !renewed_later)
            return give_up_seat(now, at);
        wait = account(now, at, one);
    }
    if (had == role::none || stop_by_)
        return; // somebody else has the seat already
    if (at.holder != nullptr)
        at.holder->recycle_at = now + wait; // it was to be replaced, and still is
    else if (at.coming == nullptr)
        at.due = now + wait;
}

milliseconds supervisor::account(time_point now, seat& at, supervision::life const& one)
{
    past_life past;
    if (one.ready_at && !says_never_again(one)) {
        past.was_ready = true;
        past.ready_for = std::chrono::duration_cast<milliseconds>(now - *one.ready_at);
    }
    if (one.exited && !says_never_again(one))
        past.exit_code = one.status.exit_code();
    auto const wait = at.history.after(past, random_()).value_or(plan_.restart.backoff_max);
    if (at.history.failures() > 0 && !given_up_ && limit_.count(now, one.obituary()))
        give_up(now, one);
    return wait;
}

// The others go on; the cluster without any is over.
void supervisor::give_up_seat(time_point now, seat& at)
{
    at.given_up = true;
    at.due.reset();
    if (!reloading_.is_wanted() &&
        roster_.all_wanted([](seat const& each) { return each.given_up; }))
        fail(now, "no worker is left: every one said that starting it again cannot help");
}

void supervisor::give_up(time_point now, supervision::life const& last)
{
    given_up_ = true;
    order::tell told;
    told.what = fact::giveup;
    told.text =
        fmt::format("no worker is started any more, after more than {} failures within "
                    "{} ms:\n{}",
                    plan_.restart.intensity, plan_.restart.period.count(), limit_.history(now));
    roster_.put(std::move(told));
    if (!announced_ && ready_seats() == 0)
        return fail(now, could_not_start(last));
    if (plan_.restart.on_giveup == giveup_action::keep)
        return;
    auto reason = "too many workers failed; the last: " + first_line(last.obituary());
    if (plan_.restart.on_giveup == giveup_action::exit)
        return fail(now, std::move(reason));
    if (failure_.empty())
        failure_ = std::move(reason);
    stop(now, plan_.drain_deadline);
}

// At once. An empty reason: somebody wished it.
void supervisor::fail(time_point now, std::string reason)
{
    if (failure_.empty())
        failure_ = std::move(reason);
    stop_by_ = stop_by_ ? std::min(*stop_by_, now) : now;
    reloading_.refuse_all(now, "the cluster is stopping");
    for (auto& [id, one] : roster_.lives())
        roster_.leave_dead(one);
}

// ---- what the state allows now ----

void supervisor::advance(time_point now)
{
    now_ = std::max(now_, now);
    if (started_ && !stop_by_) {
        seat_who_is_ready(now);
        advance_reload(now);
        fork_what_is_due(now);
        replace_the_worn(now);
        announce_if_ready();
    }
    finish_if_over();
}

void supervisor::seat_who_is_ready(time_point now)
{
    roster_.each_wanted([&](seat& at) {
        if (at.coming != nullptr && at.coming->can_serve())
            roster_.take_seat(now, *at.coming);
    });
}

void supervisor::advance_reload(time_point now)
{
    while (reloading_.is_running() || reloading_.can_begin()) {
        if (!reloading_.is_running()) {
            reloading_.begin();
            if (std::exchange(drained_, false))
                want(now, seats_);
            roster_.each_wanted([&](seat& at) { // the reload replaces those that were to be
                if (at.is_served() && at.coming != nullptr)
                    roster_.dismiss(now, *at.coming);
            });
        }
        if (reloading_.advance(now)) {
            given_up_ = false;
            limit_.clear();
            roster_.each_wanted([&](seat& at) { roster_.reset(at); });
        }
        if (reloading_.is_running())
            return;
    }
}

// First come, first served, as long as there are blocks.
void supervisor::fork_what_is_due(time_point now)
{
    while (may_fork() && !reloading_.is_running() && roster_.has_free_block()) {
        seat* first = nullptr;
        roster_.each_wanted([&](seat& at) {
            bool const is_due = at.due && *at.due <= now && !at.holder && !at.coming;
            if (is_due && (first == nullptr || *at.due < *first->due))
                first = &at;
        });
        if (first == nullptr)
            return;
        first->due.reset();
        first->coming = &roster_.fork(*first, reloading_.serving_generation());
    }
}

void supervisor::replace_the_worn(time_point now)
{
    if (!may_fork() || reloading_.is_running())
        return;
    std::uint32_t under_way = 0;
    roster_.each_wanted(
        [&](seat& at) { under_way += at.holder != nullptr && at.coming != nullptr ? 1 : 0; });
    roster_.each_wanted([&](seat& at) {
        if (under_way >= std::max(plan_.at_once, 1U) || !roster_.has_free_block() ||
            !at.is_served() || at.coming != nullptr || !at.holder->recycle_at ||
            *at.holder->recycle_at > now)
            return;
        at.coming = &roster_.fork(at, reloading_.serving_generation());
        ++under_way;
    });
}

// When the seat's next worker may be started, if only time is in the way.
std::optional<time_point> supervisor::next_start(seat const& at) const
{
    if (stop_by_ || !roster_.is_wanted(at) || at.coming != nullptr || at.fresh != nullptr)
        return std::nullopt;
    auto when = at.due;
    bool possible = may_fork() || reloading_.is_running();
    if (at.holder != nullptr) {
        when = at.is_served() ? at.holder->recycle_at : std::nullopt;
        possible = may_fork() && !reloading_.is_running();
    }
    return possible && when && *when > now_ ? when : std::nullopt;
}

void supervisor::announce_if_ready()
{
    if (announced_ || stop_by_ || seats_ == 0 || drained_ ||
        !roster_.all_wanted([](seat const& at) { return at.ready_once; }))
        return;
    announced_ = true;
    roster_.put(order::announce{});
}

void supervisor::finish_if_over()
{
    auto& lives = roster_.lives();
    if (!stop_by_ || finished_ || !std::all_of(lives.begin(), lives.end(), [](auto const& entry) {
            return entry.second.is_over() && entry.second.reaped;
        }))
        return;
    finished_ = true;
    while (!lives.empty()) { // whoever holds their output open: nobody reads it any more
        auto& one = lives.begin()->second;
        one.output_ended = true;
        roster_.close(one);
    }
    roster_.put(order::finish{failure_});
}

} // namespace covey::supervision
