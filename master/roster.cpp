#include "roster.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace covey::supervision {

using namespace std::chrono_literals;

roster::roster(std::uint32_t seats_max, std::uint32_t blocks, restart_options restart, times given)
    : times_{given}
    , restart_{restart}
    , seats_(seats_max)
    , blocks_{blocks}
{
    for (std::uint32_t number = 0; number < seats_max; ++number) {
        seats_[number].number = number;
        reset(seats_[number]);
    }
}

// ---- seats ----

void roster::each_wanted(std::function<void(seat&)> const& call)
{
    for (std::uint32_t number = 0; number < wanted_; ++number)
        call(seats_[number]);
}

bool roster::all_wanted(std::function<bool(seat const&)> const& test) const
{
    return std::all_of(seats_.begin(), seats_.begin() + wanted_, test);
}

void roster::reset(seat& at)
{
    at.due.reset();
    at.history = restart_history{restart_};
    at.given_up = false;
}

void roster::update_serving(seat& at)
{
    auto const now_by = at.is_served() ? std::optional{at.holder->id} : std::nullopt;
    if (std::exchange(at.served_by, now_by) != now_by)
        put(order::serve{at.number, now_by});
}

// ---- lives ----

life* roster::find(std::uint64_t id)
{
    auto const at = lives_.find(id);
    return at == lives_.end() ? nullptr : &at->second;
}

life const* roster::find(std::uint64_t id) const
{
    auto const at = lives_.find(id);
    return at == lives_.end() ? nullptr : &at->second;
}

bool roster::has_block_to_come() const
{
    return std::any_of(lives_.begin(), lives_.end(), [](auto const& entry) {
        auto const& one = entry.second;
        return !one.reaped && (one.planned || one.condemned || one.exited || one.disconnected);
    });
}

std::uint32_t roster::generations_alive() const
{
    std::set<std::uint32_t> alive;
    for (auto const& [id, one] : lives_)
        if (!one.exited)
            alive.insert(one.generation);
    return static_cast<std::uint32_t>(alive.size());
}

bool roster::has_leaving() const
{
    return std::any_of(lives_.begin(), lives_.end(), [this](auto const& entry) {
        auto const& one = entry.second;
        return !one.exited &&
               (one.condemned || one.disconnected || seats_[one.seat].role_of(one) == role::none);
    });
}

life& roster::fork(seat& at, std::uint32_t generation)
{
    life one;
    one.id = ++last_id_;
    one.seat = at.number;
    one.block = blocks_.take().value();
    one.generation = generation;
    put(order::fork{one.id, one.seat, one.block, one.generation});
    return lives_.emplace(one.id, std::move(one)).first->second;
}

void roster::forget(life& one)
{
    blocks_.give_back(one.block);
    lives_.erase(one.id);
}

void roster::reaped(life& one)
{
    if (std::exchange(one.reaped, true))
        return;
    blocks_.give_back(one.block);
    drop_if_done(one);
}

void roster::close(life& one)
{
    if (!one.is_over() || !one.output_ended || std::exchange(one.close_told, true))
        return;
    tell(fact::close, one);
    drop_if_done(one);
}

void roster::drop_if_done(life& one)
{
    if (one.close_told && one.reaped)
        lives_.erase(one.id);
}

// ---- what can be done to a life ----

void roster::vacate(life& one)
{
    auto& at = seat_of(one);
    for (auto* const place : {&at.holder, &at.coming, &at.fresh})
        if (*place == &one)
            *place = nullptr;
    update_serving(at);
}

void roster::leave(time_point now, life& one, milliseconds deadline, milliseconds spread)
{
    vacate(one);
    if (one.exited)
        return;
    one.planned = true;
    if (one.killed)
        return;
    if (!one.online)
        return kill(one, {}); // it has nothing to finish and nobody to tell it
    auto const given = one.ready_at ? deadline : 0ms;
    auto const by = now + given;
    if (one.stop_by && *one.stop_by <= by)
        return;
    one.stop_by = by;
    put(order::stop{one.id, given, std::min(spread, given)});
    kill_by(one, by + times_.kill_after, "it did not stop in time");
}

void roster::leave_quietly(time_point now, life& one, milliseconds deadline)
{
    vacate(one);
    if (one.exited)
        return;
    one.planned = true;
    one.patient = true;
    if (one.killed || (one.stop_by && *one.stop_by <= now + deadline))
        return;
    one.stop_by = now + deadline;
    kill_by(one, *one.stop_by + times_.kill_after, "it did not stop in time");
}

void roster::leave_dead(life& one)
{
    vacate(one);
    one.planned = one.planned || !one.exited;
    kill(one, {});
}

void roster::dismiss(time_point now, life& one)
{
    leave(now, one, times_.drain_deadline, times_.close_spread);
}

void roster::kill(life& one, std::string const& reason)
{
    if (one.exited || one.killed)
        return;
    if (one.reason.empty())
        one.reason = reason;
    one.condemned = true;
    one.killed = true;
    one.kill_at.reset();
    if (one.forked)
        put(order::signal{one.id, SIGKILL});
    update_serving(seat_of(one));
}

void roster::abort(time_point now, life& one, milliseconds grace, std::string const& reason)
{
    if (one.exited || one.killed)
        return;
    if (one.reason.empty())
        one.reason = reason;
    one.condemned = true;
    put(order::signal{one.id, SIGABRT});
    kill_by(one, now + grace, reason);
    update_serving(seat_of(one));
}

void roster::kill_by(life& one, time_point when, std::string reason)
{
    if (one.exited || one.killed || (one.kill_at && *one.kill_at <= when))
        return;
    one.kill_at = when;
    one.overdue = std::move(reason);
}

void roster::take_seat(time_point now, life& one)
{
    auto& at = seat_of(one);
    auto* const before = std::exchange(at.holder, &one);
    if (at.coming == &one)
        at.coming = nullptr;
    if (at.fresh == &one)
        at.fresh = nullptr;
    at.due.reset();
    at.given_up = false;
    update_serving(at); // before anybody is told to leave: the seat is never without
    // Whoever is ending anyhow is not told to; settle() will hear of it.
    if (before != nullptr && before->can_serve())
        leave(now, *before, times_.drain_deadline, times_.close_spread);
    if (at.coming != nullptr)
        dismiss(now, *at.coming);
}

// ---- orders ----

namespace {

order::tell about(fact what, life const& one)
{
    order::tell out;
    out.what = what;
    out.id = one.id;
    out.seat = one.seat;
    out.generation = one.generation;
    return out;
}

} // namespace

void roster::tell(fact what, life const& one, std::string text)
{
    auto out = about(what, one);
    out.text = std::move(text);
    if (what == fact::exit) {
        out.status = one.status;
        out.planned = one.planned;
        out.possibly_oom = one.status.signal == SIGKILL && !one.killed;
    }
    put(std::move(out));
}

void roster::tell_listening(life const& one, std::uint32_t listener)
{
    auto out = about(fact::listening, one);
    out.listener = listener;
    put(std::move(out));
}

void roster::tell_error(life const& one, boost::system::error_code failed)
{
    auto out = about(fact::error, one);
    out.failed = failed;
    out.text = one.reason.empty() ? one.status.text() : one.reason;
    put(std::move(out));
}

} // namespace covey::supervision
