#include "conductor.hpp"

#include "allowed_cpus.hpp"
#include "busy_poll.hpp"
#include "memory_report.hpp"
#include "user_names.hpp"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <covey/protocol/log.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace covey::supervision {

namespace {

using clock = std::chrono::steady_clock;

supervisor_plan plan_of(options const& settings)
{
    supervisor_plan out;
    out.workers = settings.workers;
    out.workers_max = settings.worker_limit();
    out.blocks = std::min(segment::blocks_max, out.workers_max + out.workers);
    out.boot_timeout = settings.boot_timeout;
    out.ready_timeout = settings.ready_timeout;
    out.drain_deadline = settings.drain_deadline;
    out.kill_after = settings.kill_after;
    out.hang_timeout = settings.hang_timeout;
    out.close_spread = settings.close_spread;
    out.at_once = settings.reload_at_once;
    out.generations_max = settings.generations_max;
    out.restart = settings.restart;
    out.recycle = settings.recycle;
    return out;
}

std::function<double()> jitter()
{
    return [source = std::minstd_rand{std::random_device{}()},
            range = std::uniform_real_distribution<double>{0.0, 1.0}]() mutable {
        return range(source);
    };
}

// None when this process has no standard error: then nothing of a worker's is captured either.
shared_handle own_standard_error()
{
    handle copy{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    return copy.is_open() ? share(std::move(copy)) : nullptr;
}

worker_state as_public(life_state state)
{
    switch (state) {
    case life_state::forked:
        return worker_state::forked;
    case life_state::online:
        return worker_state::online;
    case life_state::listening:
        return worker_state::listening;
    case life_state::ready:
        return worker_state::ready;
    case life_state::draining:
        return worker_state::draining;
    case life_state::disconnected:
        return worker_state::disconnected;
    case life_state::dead:
        break;
    }
    return worker_state::dead;
}

} // namespace

conductor::conductor(net::any_io_executor executor, options const& settings,
                     schema const& described, worker_program program,
                     std::vector<std::string> addresses, stage_hands& hands)
    : executor_{executor}
    , settings_{settings}
    , program_{std::move(program)}
    , addresses_{std::move(addresses)}
    , hands_{&hands}
    , supervisor_{plan_of(settings), jitter()}
    , board_{std::make_shared<event_board>(executor)}
    , segment_{segment::create(described, plan_of(settings).blocks, settings.name)}
    , counts_{shm::statistics_of_master(segment_)}
    , bells_{std::make_shared<doorbells const>(doorbells::make(segment_.blocks()))}
    , bell_watch_{std::make_shared<bell_watch>(executor, segment_.memory(), bells_)}
    , standard_error_{own_standard_error()}
    , places_(settings.worker_limit())
    , tick_{executor}
{
    if (!program_.user)
        program_.user = find_user(settings_.user, settings_.group);
    if (settings_.pin_cpus)
        cpus_ = affinity_cpus();
}

// ---- wishes ----

void conductor::start()
{
    log::info(memory_report(segment_));
    warn_of_busy_poll(settings_.workers);
    bell_watch_->start();
    after([this](time_point now) { supervisor_.start(now); });
}

// Once in a master's life: it is the same advice however many come.
void conductor::warn_of_busy_poll(std::uint32_t workers)
{
    if (warned_of_busy_poll_)
        return;
    auto const warning = busy_poll_warning(settings_.busy_poll, workers, allowed_cpus());
    warned_of_busy_poll_ = !warning.empty();
    if (warned_of_busy_poll_)
        log::warning(warning);
}

void conductor::scale(std::uint32_t workers)
{
    warn_of_busy_poll(workers);
    for (auto seat = std::size_t{workers}; seat < places_.size(); ++seat) {
        places_[seat].environment.clear();
        places_[seat].expected.reset();
    }
    after([&](time_point now) { supervisor_.scale(now, workers); });
}

worker_ref conductor::fork(std::vector<std::string> environment)
{
    auto const seat = supervisor_.seats();
    if (hands_ == nullptr || stopping_ || seat >= places_.size())
        return {};
    auto const life = std::make_shared<worker_life>(executor_, seat);
    places_[seat].environment = std::move(environment);
    places_[seat].expected = life;
    after([&](time_point now) { supervisor_.scale(now, seat + 1); });
    return life->ref();
}

void conductor::reload(reload_handler handler)
{
    if (hands_ == nullptr)
        return answer(std::move(handler), net::error::operation_aborted, {});
    after([&](time_point now) { reloads_.emplace(supervisor_.reload(now), std::move(handler)); });
}

void conductor::answer(reload_handler handler, boost::system::error_code failed, verdict what)
{
    auto const executor = net::get_associated_executor(handler, executor_);
    auto call = [handler = std::move(handler), failed, what = std::move(what)]() mutable {
        std::move(handler)(failed, std::move(what));
    };
    net::post(executor_, net::bind_executor(executor, std::move(call)));
}

void conductor::reload()
{
    after([this](time_point now) { supervisor_.reload(now); });
}

void conductor::reset_restarts()
{
    end_quarantines();
    after([this](time_point now) { supervisor_.reset_restarts(now); });
}

void conductor::drain_workers()
{
    after([this](time_point now) { supervisor_.drain_workers(now); });
}

void conductor::stop(milliseconds deadline)
{
    let_go_of_outputs();
    after([&](time_point now) { supervisor_.stop(now, deadline); });
}

void conductor::stop_now(std::string failure)
{
    let_go_of_outputs();
    after([&](time_point now) { supervisor_.stop_now(now, std::move(failure)); });
}

// The end of the cluster does not wait for what dead workers have left running.
void conductor::let_go_of_outputs()
{
    stopping_ = true;
    for (auto const& [id, life] : lives_)
        if (life->has_exited())
            life->let_go_of_output();
}

void conductor::abandon()
{
    hands_ = nullptr;
    bell_watch_->stop();
    tick_.cancel();
    reaping_.clear();
    board_->abandon();
    for (auto const& [id, life] : std::exchange(lives_, {}))
        life->abandon();
    for (auto& [number, handler] : std::exchange(reloads_, {}))
        answer(std::move(handler), net::error::operation_aborted, {});
}

void conductor::set_up(std::function<void(worker_program&)> const& change)
{
    change(program_);
    board_->post({.kind = event_kind::setup});
}

void conductor::stop(std::uint64_t id, milliseconds deadline)
{
    after([&](time_point now) { supervisor_.stop_worker(now, id, deadline); });
}

void conductor::recycle(std::uint64_t id)
{
    after([&](time_point now) { supervisor_.recycle(now, id); });
}

void conductor::disconnect(std::uint64_t id)
{
    auto const life = lives_.find(id);
    if (life == lives_.end())
        return;
    auto const keep = life->second;
    after([&](time_point now) {
        supervisor_.disconnect_worker(now, id, settings_.drain_deadline);
        keep->disconnect();
    });
}

// ---- words ----

// One that has been told to leave hears it too; one that takes no more is left out.
void conductor::broadcast(datum const& body, std::vector<passed_handle> const& handles)
{
    for (auto const& [id, life] : lives_)
        if (life->is_connected())
            life->say(body, handles);
}

void conductor::answer_requests(request_handler by)
{
    answers_ = std::move(by);
    for (auto const& [id, life] : lives_)
        life->answer_requests();
}

// ---- connections ----

seat_view conductor::view(std::uint32_t seat) const
{
    auto const& serves = places_[seat].serves;
    if (!serves)
        return {};
    auto const found = lives_.find(*serves);
    if (found == lives_.end())
        return {};
    auto const& life = *found->second;
    auto const load = segment_.load_of(life.who().block);
    return {.open = life.takes_connections(),
            .unacknowledged = life.unacknowledged(),
            .connections = load.connections,
            .limit = load.limit,
            .life = life.who().id};
}

bool conductor::pass(std::uint32_t seat, passed_connection& connection)
{
    auto const& serves = places_[seat].serves;
    auto const found = serves ? lives_.find(*serves) : lives_.end();
    if (found == lives_.end() || !found->second->pass(connection))
        return false;
    watch(*found->second);
    return true;
}

// What it has been passed is something to do, whether it says so or is stuck already.
void conductor::watch(worker_life& life)
{
    auto const id = life.who().id;
    if (watched_.insert(id).second)
        after([&](time_point now) { supervisor_.awake(now, id); });
}

// ---- looks ----

std::vector<worker_ref> conductor::workers() const
{
    std::vector<worker_ref> out;
    for (auto const& [id, life] : lives_)
        if (life->pid() != 0)
            out.push_back(life->ref());
    return out;
}

std::vector<living_worker> conductor::living() const
{
    std::vector<living_worker> out;
    for (auto const& who : workers()) {
        auto const& life = life_of(who);
        out.push_back({.who = who,
                       .block = life.who().block,
                       .unacknowledged = life.unacknowledged(),
                       .load = segment_.load_of(life.who().block)});
    }
    return out;
}

std::vector<worker_status> conductor::status() const
{
    std::vector<worker_status> out(supervisor_.seats());
    std::vector<bool> has_one(out.size());
    for (std::uint32_t seat = 0; seat < out.size(); ++seat) {
        out[seat].seat = seat;
        out[seat].id = places_[seat].last;
        out[seat].starts = places_[seat].starts;
        out[seat].changes_dropped = places_[seat].changes_dropped;
    }
    for (auto const& seen : supervisor_.lives()) {
        auto const life = lives_.find(seen.id);
        if (seen.seat >= out.size() || life == lives_.end() || seen.state == life_state::dead)
            continue;
        auto& one = out[seen.seat];
        if (has_one[seen.seat] && !seen.serves)
            continue;
        has_one[seen.seat] = has_one[seen.seat] || seen.serves;
        one.state = as_public(seen.state);
        one.id = seen.id;
        one.generation = seen.generation;
        one.pid = life->second->pid();
        one.unacknowledged = life->second->unacknowledged();
    }
    return out;
}

turn_watch conductor::turns() const
{
    return {segment_.memory(), bells_};
}

bool conductor::owns(std::int64_t pid) const
{
    return std::any_of(lives_.begin(), lives_.end(),
                       [&](auto const& one) { return one.second->pid() == pid; });
}

worker_state conductor::state_of(std::uint64_t id) const
{
    auto const seen = supervisor_.life(id);
    return seen ? as_public(seen->state) : worker_state::dead;
}

bool conductor::is_leaving_by_wish(std::uint64_t id) const
{
    auto const seen = supervisor_.life(id);
    return seen && seen->planned;
}

} // namespace covey::supervision
