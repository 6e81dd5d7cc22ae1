// What happened, and wishes. What follows from them is in settling.cpp.
#include "supervisor.hpp"

#include <algorithm>
#include <csignal>
#include <fmt/format.h>
#include <utility>

namespace covey::supervision {

using namespace std::chrono_literals;

namespace {

// A tick that is so late comes from a master that slept. What became due meanwhile waits as long
// once more: the channels may hold what says otherwise.
constexpr milliseconds late = 1s;

} // namespace

supervisor::supervisor(supervisor_plan plan, std::function<double()> random)
    : plan_{plan}
    , random_{std::move(random)}
    , roster_{plan.workers_max,
              plan.blocks,
              plan.restart,
              {plan.drain_deadline, plan.kill_after, plan.close_spread}}
    , reloading_{roster_, plan.at_once, plan.generations_max}
    , watchdog_{plan.hang_timeout, needs_samples(plan.recycle)}
    , limit_{plan.restart}
{}

// ---- wishes ----

void supervisor::start(time_point now)
{
    if (!std::exchange(started_, true) && !stop_by_)
        want(now, std::min(plan_.workers, plan_.workers_max));
    advance(now);
}

void supervisor::scale(time_point now, std::uint32_t workers)
{
    if (!started_) {
        plan_.workers = workers;
    } else if (!stop_by_) {
        drained_ = false;
        want(now, std::min(workers, plan_.workers_max));
    }
    advance(now);
}

void supervisor::want(time_point now, std::uint32_t workers)
{
    empty_seats(now, workers);
    for (auto number = workers; number < roster_.seats().size(); ++number)
        roster_.reset(roster_.seats()[number]);
    seats_ = workers;
    roster_.want(workers);
    roster_.each_wanted([&](seat& at) {
        if (!at.holder && !at.coming && !at.given_up && !at.due)
            at.due = now;
    });
}

void supervisor::empty_seats(time_point now, std::uint32_t from)
{
    for (auto number = from; number < roster_.seats().size(); ++number) {
        auto& at = roster_.seats()[number];
        for (auto* const one : {at.holder, at.coming, at.fresh})
            if (one != nullptr)
                roster_.dismiss(now, *one);
        at.due.reset();
    }
}

std::uint64_t supervisor::reload(time_point now)
{
    auto const number = reloading_.ask();
    if (stop_by_)
        reloading_.refuse_all(now, "the cluster is stopping");
    advance(now);
    return number;
}

void supervisor::recycle(time_point now, std::uint64_t id)
{
    if (auto* const one = roster_.find(id))
        one->recycle_at = now;
    advance(now);
}

void supervisor::stop_worker(time_point now, std::uint64_t id, milliseconds deadline)
{
    if (auto* const one = roster_.find(id); one != nullptr && !one->exited) {
        if (!one->planned) {
            one->reason = "it was told to stop";
            settle(now, *one, loss::wished);
        }
        roster_.leave(now, *one, deadline, plan_.close_spread);
    }
    advance(now);
}

void supervisor::disconnect_worker(time_point now, std::uint64_t id, milliseconds deadline)
{
    if (auto* const one = roster_.find(id); one != nullptr && !one->exited) {
        if (!one->planned) {
            one->reason = "it was disconnected";
            settle(now, *one, loss::wished);
        }
        roster_.leave_quietly(now, *one, deadline);
    }
    advance(now);
}

void supervisor::reset_restarts(time_point now)
{
    given_up_ = false;
    limit_.clear();
    roster_.each_wanted([&](seat& at) {
        roster_.reset(at);
        if (!at.holder && !at.coming)
            at.due = now;
    });
    advance(now);
}

void supervisor::drain_workers(time_point now)
{
    if (started_ && !stop_by_) {
        reloading_.refuse_all(now, "the workers are being drained");
        drained_ = true;
        roster_.want(0);
        empty_seats(now, 0);
    }
    advance(now);
}

void supervisor::stop(time_point now, milliseconds deadline)
{
    auto const by = now + deadline;
    if (!stop_by_ || by < *stop_by_) {
        stop_by_ = by;
        reloading_.refuse_all(now, "the cluster is stopping");
        for (auto& [id, one] : roster_.lives())
            roster_.leave(now, one, deadline, 0ms);
    }
    advance(now);
}

void supervisor::stop_now(time_point now, std::string failure)
{
    fail(now, std::move(failure));
    advance(now);
}

// ---- what happened ----

void supervisor::forked(time_point now, std::uint64_t id)
{
    if (auto* const one = roster_.find(id); one != nullptr && !std::exchange(one->forked, true)) {
        roster_.tell(fact::fork, *one);
        if (one->killed) // meanwhile
            roster_.put(order::signal{id, SIGKILL});
        else
            roster_.kill_by(*one, now + plan_.boot_timeout, "it was not online in time");
    }
    advance(now);
}

void supervisor::not_forked(time_point now, std::uint64_t id, boost::system::error_code why)
{
    if (auto* const one = roster_.find(id); one != nullptr && !one->forked) {
        one->reason = "it could not be forked: " + why.message();
        roster_.tell_error(*one, why);
        if (!one->planned)
            settle(now, *one, loss::ended);
        roster_.forget(*one);
    }
    advance(now);
}

void supervisor::online(time_point now, std::uint64_t id)
{
    if (auto* const one = roster_.find(id); one != nullptr && one->is_heard() && !one->online) {
        one->online = true;
        one->kill_at.reset();
        roster_.kill_by(*one, now + plan_.ready_timeout, "it was not ready in time");
        roster_.tell(fact::online, *one);
    }
    advance(now);
}

void supervisor::listening(time_point now, std::uint64_t id, std::uint32_t listener)
{
    if (auto* const one = roster_.find(id);
        one != nullptr && one->is_starting() && one->listening.insert(listener).second)
        roster_.tell_listening(*one, listener);
    advance(now);
}

void supervisor::ready(time_point now, std::uint64_t id)
{
    if (auto* const one = roster_.find(id); one != nullptr && one->is_starting()) {
        one->ready_at = now;
        one->kill_at.reset();
        one->limits = draw_limits(plan_.recycle, random_);
        if (one->limits.age)
            one->recycle_at = now + *one->limits.age;
        roster_.seat_of(*one).ready_once = true;
        roster_.tell(fact::ready, *one);
    }
    advance(now);
}

void supervisor::suicide(time_point now, std::uint64_t id, std::string const& reason)
{
    if (auto* const one = roster_.find(id); one != nullptr && one->is_heard() && one->online) {
        one->reason = reason.empty() ? "suicide" : "suicide: " + reason;
        roster_.tell(fact::suicide, *one, reason);
        one->planned = true;
        one->stop_by = now + plan_.drain_deadline;
        roster_.kill_by(*one, *one->stop_by + plan_.kill_after, "it did not leave in time");
        settle(now, *one, loss::suicide);
    }
    advance(now);
}

void supervisor::refused(time_point now, std::uint64_t id, std::string const& reason)
{
    if (auto* const one = roster_.find(id); one != nullptr && one->is_heard()) {
        one->refused = true;
        one->condemned = true;
        one->reason = reason;
        roster_.kill_by(*one, now + plan_.kill_after, "it refused to work and did not leave");
        roster_.update_serving(roster_.seat_of(*one));
    }
    advance(now);
}

void supervisor::broken(time_point now, std::uint64_t id, std::string const& reason)
{
    if (auto* const one = roster_.find(id))
        roster_.kill(*one, reason);
    advance(now);
}

void supervisor::awake(time_point now, std::uint64_t id)
{
    if (auto* const one = roster_.find(id); one != nullptr && one->can_be_watched())
        watchdog_.watch(now, id);
    advance(now);
}

void supervisor::disconnected(time_point now, std::uint64_t id)
{
    if (auto* const one = roster_.find(id);
        one != nullptr && one->forked && !std::exchange(one->disconnected, true)) {
        watchdog_.forget(id);
        roster_.update_serving(roster_.seat_of(*one));
        roster_.tell(fact::disconnect, *one);
        if (!one->patient)
            roster_.kill_by(*one, now + plan_.kill_after, "its channel ended and it did not");
        end_if_over(now, *one);
    }
    advance(now);
}

void supervisor::exited(time_point now, std::uint64_t id, exit_status status, std::string words)
{
    if (auto* const one = roster_.find(id);
        one != nullptr && one->forked && !std::exchange(one->exited, true)) {
        watchdog_.forget(id);
        one->kill_at.reset();
        one->status = status;
        one->words = std::move(words);
        roster_.update_serving(roster_.seat_of(*one));
        end_if_over(now, *one);
    }
    advance(now);
}

void supervisor::closed(time_point now, std::uint64_t id)
{
    if (auto* const one = roster_.find(id)) {
        one->output_ended = true;
        roster_.close(*one);
    }
    advance(now);
}

void supervisor::reaped(time_point now, std::uint64_t id)
{
    if (auto* const one = roster_.find(id); one != nullptr && one->is_over())
        roster_.reaped(*one);
    advance(now);
}

void supervisor::sampled(time_point now, std::uint64_t id, sample const& seen)
{
    if (auto* const one = roster_.find(id); one != nullptr && one->can_be_watched()) {
        if (one->limits.are_passed_by(seen) && (!one->recycle_at || *one->recycle_at > now))
            one->recycle_at = now;
        if (watchdog_.sampled(now, id, seen))
            roster_.abort(now, *one, plan_.abort_grace,
                          fmt::format("it hung: something to do, and its loop has not turned for "
                                      "{} ms",
                                      plan_.hang_timeout.count()));
    }
    advance(now);
}

// ---- time ----

std::optional<time_point> supervisor::next() const
{
    if (finished_)
        return std::nullopt;
    auto earliest = watchdog_.next();
    auto const sooner = [&](std::optional<time_point> const& when) {
        if (when && (!earliest || *when < *earliest))
            earliest = when;
    };
    for (auto const& [id, one] : roster_.lives())
        sooner(one.kill_at);
    for (auto const& at : roster_.seats())
        sooner(next_start(at));
    return earliest;
}

void supervisor::tick(time_point now)
{
    auto const asked = next();
    bool const slept = asked && now - *asked > late;
    for (auto& [id, one] : roster_.lives()) {
        if (!one.kill_at || *one.kill_at > now)
            continue;
        if (slept && !std::exchange(one.excused, true))
            one.kill_at = now + late;
        else
            roster_.kill(one, one.overdue);
    }
    if (watchdog_.tick(now))
        roster_.put(order::look{});
    advance(now);
}

std::vector<order_to_do> supervisor::take_orders()
{
    return roster_.take_orders();
}

// ---- looks ----

namespace {

supervisor::life_view view_of(life const& one, seat const& at)
{
    return {one.id,     one.seat, one.block, one.generation, one.state(), at.served_by == one.id,
            one.planned};
}

} // namespace

std::vector<supervisor::life_view> supervisor::lives() const
{
    std::vector<life_view> out;
    out.reserve(roster_.lives().size());
    for (auto const& [id, one] : roster_.lives())
        out.push_back(view_of(one, roster_.seats()[one.seat]));
    return out;
}

std::optional<supervisor::life_view> supervisor::life(std::uint64_t id) const
{
    auto const* const one = roster_.find(id);
    return one == nullptr ? std::nullopt : std::optional{view_of(*one, roster_.seats()[one->seat])};
}

std::uint32_t supervisor::seats() const
{
    return started_ ? seats_ : std::min(plan_.workers, plan_.workers_max);
}

std::uint32_t supervisor::ready_seats() const
{
    auto const& seats = roster_.seats();
    return static_cast<std::uint32_t>(std::count_if(
        seats.begin(), seats.end(), [](seat const& at) { return at.served_by.has_value(); }));
}

bool supervisor::is_served(std::uint32_t seat) const
{
    return roster_.seats().at(seat).served_by.has_value();
}

bool supervisor::is_staffed(std::uint32_t seat) const
{
    auto const& at = roster_.seats().at(seat);
    return at.holder != nullptr || at.coming != nullptr || at.fresh != nullptr;
}

std::uint32_t supervisor::generation() const
{
    return reloading_.serving_generation();
}

bool supervisor::has_given_up() const
{
    return given_up_;
}

bool supervisor::is_reloading() const
{
    return reloading_.is_running();
}

} // namespace covey::supervision
