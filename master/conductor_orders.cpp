// How the conductor carries out each order.
#include "conductor.hpp"

#include "first_line.hpp"
#include "resident_memory.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <covey/protocol/log.hpp>
#include <covey/shm/seat_words.hpp>
#include <fmt/format.h>
#include <utility>

namespace covey::supervision {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

// Another worker may be repairing what a dead one was writing: ask again, more and more rarely.
constexpr auto reap_retry_min = 1ms;
constexpr auto reap_retry_max = 100ms;

event_kind as_event(fact what)
{
    switch (what) {
    case fact::fork:
        return event_kind::fork;
    case fact::online:
        return event_kind::online;
    case fact::listening:
        return event_kind::listening;
    case fact::ready:
        return event_kind::ready;
    case fact::suicide:
        return event_kind::suicide;
    case fact::disconnect:
        return event_kind::disconnect;
    case fact::exit:
        return event_kind::exit;
    case fact::close:
        return event_kind::close;
    case fact::error:
        return event_kind::error;
    case fact::giveup:
        return event_kind::giveup;
    case fact::reload_started:
        return event_kind::reload_started;
    case fact::reload_done:
        return event_kind::reload_done;
    case fact::reload_failed:
        break;
    }
    return event_kind::reload_failed;
}

std::string_view name_of(std::string const& variable)
{
    return std::string_view{variable}.substr(0, variable.find('='));
}

} // namespace

// Orders come of orders: a fork that fails is answered at once. They are done in their order, one
// after the other, however deep in the stack the answer is given.
void conductor::carry_out()
{
    if (std::exchange(carrying_out_, true))
        return;
    for (auto orders = supervisor_.take_orders(); !orders.empty();
         orders = supervisor_.take_orders())
        for (auto& one : orders)
            if (hands_ != nullptr)
                std::visit([this](auto& it) { execute(it); }, one);
    carrying_out_ = false;
    forget_ended();
    wait();
}

// Who may have ended, once all has been told about them.
void conductor::forget_ended()
{
    for (auto const id : std::exchange(ending_, {})) {
        if (supervisor_.life(id))
            continue;
        lives_.erase(id);
        watched_.erase(id);
    }
}

void conductor::wait()
{
    auto const next = supervisor_.next();
    if (next == tick_at_)
        return;
    tick_at_ = next;
    if (!next) {
        tick_.cancel();
        return;
    }
    tick_.expires_at(*next);
    tick_.async_wait([weak = weak_from_this()](boost::system::error_code failed) {
        auto const self = weak.lock();
        if (failed || !self)
            return;
        self->tick_at_.reset();
        self->after([&](time_point now) { self->supervisor_.tick(now); });
    });
}

worker_program conductor::program_for(std::uint32_t seat) const
{
    auto out = program_;
    for (auto const& variable : places_[seat].environment) {
        std::erase_if(out.environment, [&](std::string const& other) {
            return name_of(other) == name_of(variable);
        });
        out.environment.push_back(variable);
    }
    if (!cpus_.empty() && out.cpus.empty())
        out.cpus = {cpus_[seat % cpus_.size()]};
    return out;
}

void conductor::execute(order::fork const& it)
{
    auto& place = places_.at(it.seat);
    auto life = std::exchange(place.expected, nullptr);
    if (!life)
        life = std::make_shared<worker_life>(executor_, it.seat);
    lives_[it.id] = life;
    if (answers_)
        life->answer_requests();
    place.last = it.id;
    ++place.starts;
    try {
        auto program = program_for(it.seat);
        bool const captured = standard_error_ && !program.standard[2];
        introduced_worker const worker{it.id,
                                       it.seat,
                                       it.block,
                                       it.generation,
                                       hands_->listeners_of(it.seat),
                                       captured ? standard_error_ : nullptr};
        life->start({it.id, it.seat, it.block, it.generation}, std::move(program),
                    introduce(settings_, segment_, bells_, worker), captured, *this);
        segment_.open_block(it.block, {life->pid(), it.id, it.generation, it.seat});
        supervisor_.forked(clock::now(), it.id);
    } catch (boost::system::system_error const& failed) {
        supervisor_.not_forked(clock::now(), it.id, failed.code());
    }
}

void conductor::execute(order::stop const& it)
{
    if (auto const life = lives_.find(it.id); life != lives_.end())
        life->second->stop({static_cast<std::uint64_t>(std::max(it.deadline, 0ms).count()),
                            static_cast<std::uint64_t>(std::max(it.spread, 0ms).count())});
}

void conductor::execute(order::signal const& it)
{
    if (auto const life = lives_.find(it.id); life != lives_.end())
        life->second->signal(it.number);
}

void conductor::execute(order::serve const& it)
{
    places_.at(it.seat).serves = it.id;
    hands_->on_seats_changed();
}

void conductor::execute(order::reap const& it)
{
    hands_->on_seats_changed(); // its seat may be without a next one
    reap(it, reap_retry_min);
}

void conductor::reap(order::reap const& it, milliseconds retry)
{
    if (segment_.reap_block(it.block, *bells_)) {
        reaping_.erase(it.id);
        ending_.push_back(it.id);
        quarantine_what_kills();
        return after([&](time_point now) { supervisor_.reaped(now, it.id); });
    }
    auto& timer = reaping_.try_emplace(it.id, executor_).first->second;
    timer.expires_after(retry);
    timer.async_wait([weak = weak_from_this(), it, retry](boost::system::error_code failed) {
        if (auto const self = weak.lock(); !failed && self && self->hands_ != nullptr)
            self->reap(it, std::min(retry * 2, reap_retry_max));
    });
}

// Before the block is free for the next worker: that one does not get at the rows that killed the
// others.
void conductor::quarantine_what_kills()
{
    for (auto const where : breaker_.add(clock::now(), segment_.repairs())) {
        segment_.quarantine(where, true);
        log::error(
            fmt::format("state: workers keep dying while they write in shard {} of field {}; "
                        "nobody writes there until a reload or a reset of restarts",
                        where.shard, where.field));
    }
}

void conductor::end_quarantines()
{
    breaker_.forget();
    segment_.end_quarantines();
}

void conductor::execute(order::tell& it)
{
    log_fact(it);
    if (it.what == fact::reload_done)
        end_quarantines();
    event out;
    out.kind = as_event(it.what);
    out.generation = it.generation;
    out.status = it.status;
    out.possibly_oom = it.possibly_oom;
    out.failed = it.failed;
    if (it.what == fact::listening)
        out.address = addresses_.at(it.listener);
    if (auto const life = lives_.find(it.id); life != lives_.end()) {
        out.worker = life->second->ref();
        if (it.what == fact::exit) {
            life->second->settle(it.planned);
            count_end(it);
        }
        if (it.what == fact::error) {
            ending_.push_back(it.id);
            hands_->on_seats_changed();
        }
    }
    out.text = std::move(it.text);
    board_->post(std::move(out));
}

// For who reads metrics from the segment.
void conductor::count_end(order::tell const& it)
{
    auto const how = it.planned              ? shm::worker_end::planned
                     : it.status.signal == 0 ? shm::worker_end::exited
                                             : shm::worker_end::killed;
    shm::count(shm::statistics_of_master(segment_)[shm::end_word(it.seat, how)]);
}

void conductor::log_fact(order::tell const& it) const
{
    auto const who = [&] { return fmt::format("seat {}: worker {}", it.seat, it.id); };
    auto const pid = [&] {
        auto const life = lives_.find(it.id);
        return life == lives_.end() ? 0 : life->second->pid();
    };
    switch (it.what) {
    case fact::fork:
        return log::debug(fmt::format("{} started (pid {})", who(), pid()));
    case fact::ready:
        return log::info(fmt::format("{} is ready (pid {})", who(), pid()));
    case fact::suicide:
        return log::warning(fmt::format("{} is going to leave: {}", who(), first_line(it.text)));
    case fact::exit: {
        bool const well = it.planned && it.status.success();
        auto line = fmt::format("{} is gone: {}", who(), it.status.text());
        if (!it.text.empty() && !well)
            line += ": " + first_line(it.text);
        else if (it.possibly_oom)
            line += ": not by this master; out of memory?";
        return log::write(well ? log::level::info : log::level::warning, line);
    }
    case fact::error:
        return log::error(fmt::format("seat {}: a worker could not be started: {}", it.seat,
                                      it.failed.message()));
    case fact::giveup:
        return log::error(it.text);
    case fact::reload_started:
        return log::info(fmt::format("reload: generation {} is being started", it.generation));
    case fact::reload_done:
        return log::info(fmt::format("reload: generation {} serves", it.generation));
    case fact::reload_failed:
        return log::error(it.text);
    default:
        return;
    }
}

void conductor::execute(order::verdict& it)
{
    auto const end = reloads_.upper_bound(it.last);
    for (auto one = reloads_.lower_bound(it.first); one != end; one = reloads_.erase(one))
        answer(std::move(one->second), {}, {it.done, it.generation, it.text});
}

void conductor::execute(order::look const&)
{
    for (auto const& seen : supervisor_.lives()) {
        if (seen.state != life_state::ready && seen.state != life_state::draining)
            continue;
        auto const what = look_at(seen);
        if (what.connections == 0 && what.unacknowledged == 0)
            watched_.erase(seen.id);
        supervisor_.sampled(clock::now(), seen.id, what);
    }
}

sample conductor::look_at(supervisor::life_view const& seen) const
{
    sample out;
    auto const load = segment_.load_of(seen.block);
    out.beats = segment_.beats_of(seen.block);
    out.connections = load.connections;
    out.requests = load.requests;
    if (auto const life = lives_.find(seen.id); life != lives_.end()) {
        out.unacknowledged = life->second->unacknowledged();
        if (settings_.recycle.memory_bytes != 0)
            out.resident_bytes = resident_memory(life->second->pid());
    }
    return out;
}

void conductor::execute(order::announce const&)
{
    hands_->on_announced();
}

void conductor::execute(order::finish& it)
{
    bell_watch_->stop();
    hands_->on_finished(std::move(it.failure));
}

} // namespace covey::supervision
