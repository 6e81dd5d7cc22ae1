#include "reloading.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace covey::supervision {

reloading::reloading(roster& roster, std::uint32_t at_once, std::uint32_t generations_max)
    : roster_{roster}
    , at_once_{std::max(at_once, 1U)}
    , generations_max_{generations_max}
{}

std::uint64_t reloading::ask()
{
    auto const number = ++last_request_;
    if (!waiting_)
        waiting_ = requests{number, number};
    waiting_->last = number;
    return number;
}

// Lives that took a seat in the middle of a reload that failed stay; to wait for their generation
// to end would be to wait for ever.
bool reloading::can_begin() const
{
    return waiting_ && !running_ &&
           (roster_.generations_alive() < generations_max_ || !roster_.has_leaving());
}

void reloading::begin()
{
    running_ = std::exchange(waiting_, std::nullopt);
    ++generation_;
    order::tell told;
    told.what = fact::reload_started;
    told.generation = generation_;
    roster_.put(std::move(told));
}

bool reloading::is_renewed(seat const& at) const
{
    return (at.fresh != nullptr && at.fresh->can_serve()) || (at.is_served() && is_of(*at.holder));
}

bool reloading::wants_fork(seat const& at, time_point now, std::uint32_t starting) const
{
    if (at.fresh != nullptr || is_renewed(at))
        return false;
    bool const out_of_turn =
        at.holder == nullptr && at.coming == nullptr && (!at.due || *at.due <= now);
    return out_of_turn || starting < at_once_;
}

// False when a worker that should be started has no block, and none will become free.
bool reloading::start_some(time_point now)
{
    std::uint32_t starting = 0;
    roster_.each_wanted(
        [&](seat& at) { starting += at.fresh != nullptr && !at.fresh->can_serve() ? 1 : 0; });
    bool stuck = false;
    auto const start = [&](seat& at) {
        if (!wants_fork(at, now, starting))
            return;
        if (roster_.has_free_block()) {
            at.fresh = &roster_.fork(at, generation_);
            ++starting;
        } else {
            stuck = stuck || !roster_.has_block_to_come();
        }
    };
    roster_.each_wanted([&](seat& at) { // who is served by nobody comes first
        if (at.holder == nullptr)
            start(at);
    });
    roster_.each_wanted(start);
    return !stuck;
}

bool reloading::advance(time_point now)
{
    if (!running_)
        return false;
    roster_.each_wanted([&](seat& at) {
        if (at.fresh != nullptr && at.fresh->can_serve() && !at.is_served())
            roster_.take_seat(now, *at.fresh);
    });
    if (!start_some(now)) {
        abort(now, "the segment has no free block for another worker: scale down, or start the "
                   "cluster with a larger workers_max");
        return false;
    }
    if (!roster_.all_wanted([this](seat const& at) { return is_renewed(at); }))
        return false;
    serving_ = generation_;
    auto const whose = std::exchange(running_, std::nullopt);
    roster_.each_wanted([&](seat& at) {
        if (at.fresh != nullptr)
            roster_.take_seat(now, *at.fresh);
    });
    finish(*whose, true, fmt::format("generation {} serves", serving_));
    return true;
}

void reloading::abort(time_point now, std::string const& why)
{
    auto const whose = std::exchange(running_, std::nullopt);
    if (!whose)
        return;
    for (auto& at : roster_.seats())
        if (at.fresh != nullptr)
            roster_.dismiss(now, *at.fresh);
    finish(*whose, false, why);
}

void reloading::refuse_all(time_point now, std::string const& why)
{
    abort(now, why);
    if (auto const whose = std::exchange(waiting_, std::nullopt))
        roster_.put(order::verdict{whose->first, whose->last, false, serving_, why});
}

void reloading::finish(requests const& whose, bool done, std::string const& text)
{
    order::tell told;
    told.what = done ? fact::reload_done : fact::reload_failed;
    told.generation = generation_;
    told.text = text;
    roster_.put(std::move(told));
    roster_.put(order::verdict{whose.first, whose.last, done, serving_, text});
}

} // namespace covey::supervision
