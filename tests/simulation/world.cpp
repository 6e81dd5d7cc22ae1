#include "simulation/world.hpp"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <stdexcept>

namespace covey::simulation {

using namespace std::chrono_literals;

namespace {

exit_status by_code(int code)
{
    exit_status out;
    out.code = code;
    return out;
}

exit_status by_signal(int number)
{
    exit_status out;
    out.signal = number;
    return out;
}

} // namespace

supervisor_plan world::draw_plan(std::mt19937_64& random)
{
    auto const of = [&](auto... choices) {
        std::uint64_t const each[] = {static_cast<std::uint64_t>(choices)...};
        return each[random() % sizeof...(choices)];
    };
    supervisor_plan out;
    out.workers = static_cast<std::uint32_t>(of(1, 2, 4, 6));
    out.workers_max = 8;
    out.blocks = static_cast<std::uint32_t>(of(9, 12, 16, 30));
    out.at_once = static_cast<std::uint32_t>(of(1, 2, 8));
    out.generations_max = static_cast<std::uint32_t>(of(2, 3));
    out.hang_timeout = milliseconds{of(0, 4'000, 60'000)};
    out.restart.intensity = static_cast<std::uint32_t>(of(0, 3, 10));
    out.restart.free_deaths = static_cast<std::uint32_t>(of(0, 5, 60));
    out.restart.on_giveup = of(0, 0, 0, 1) == 0 ? giveup_action::keep : giveup_action::stop;
    out.recycle.requests = of(0, 50);
    out.recycle.age = milliseconds{of(0, 20'000)};
    return out;
}

world::world(std::uint64_t seed)
    : random_{seed}
    , plan_{draw_plan(random_)}
    , now_{1'000s}
    , machine_{plan_, [this] { return static_cast<double>(below(1'000)) / 1'000; }}
    , checker_{plan_}
    , fatal_codes_{one_in(4)}
{}

std::uint64_t world::below(std::uint64_t bound)
{
    return random_() % bound;
}

// ---- the master's shell ----

void world::carry_out()
{
    for (auto some = machine_.take_orders(); !some.empty(); some = machine_.take_orders())
        for (auto const& one : some) {
            checker_.ordered(one);
            execute(one);
        }
}

void world::execute(order_to_do const& one)
{
    if (auto const* it = std::get_if<order::fork>(&one))
        fork(*it);
    if (auto const* it = std::get_if<order::stop>(&one))
        processes_.at(it->id).told = true; // also who is dead already
    if (auto const* it = std::get_if<order::signal>(&one)) {
        auto& target = processes_.at(it->id);
        if (it->number == SIGKILL || one_in(2))
            dies(it->id, target, by_signal(it->number));
    }
    if (auto const* it = std::get_if<order::reap>(&one))
        to_reap_[it->id] = it->block;
    if (std::holds_alternative<order::look>(one))
        look();
}

void world::fork(order::fork const& it)
{
    if (!quiet_ && one_in(50)) {
        auto const why = boost::system::errc::resource_unavailable_try_again;
        checker_.not_forked(it.id);
        return machine_.not_forked(now_, it.id, boost::system::errc::make_error_code(why));
    }
    checker_.forked(it);
    process made;
    made.seat = it.seat;
    made.stubborn = !quiet_ && one_in(10);
    processes_[it.id] = made;
    machine_.forked(now_, it.id);
}

void world::look()
{
    for (auto& [id, it] : processes_) {
        if (it.dead)
            continue;
        it.beats += it.hangs || ledger_.taken_by(id) == 0 ? 0 : 1;
        sample seen;
        seen.beats = it.beats;
        seen.requests = it.beats;
        seen.connections = ledger_.taken_by(id);
        seen.unacknowledged = ledger_.passed_to(id);
        machine_.sampled(now_, id, seen);
    }
}

void world::after_input()
{
    carry_out();
    checker_.looked(machine_, now_);
}

void world::pass(milliseconds time)
{
    auto const until = now_ + time;
    while (machine_.next() && *machine_.next() <= until) {
        now_ = std::max(now_, *machine_.next());
        machine_.tick(now_);
        after_input();
    }
    now_ = until;
}

// ---- what happens ----

void world::start()
{
    checker_.scaled(plan_.workers);
    machine_.start(now_);
    after_input();
}

world::process* world::anybody(std::uint64_t& id)
{
    if (processes_.empty())
        return nullptr;
    auto const at =
        std::next(processes_.begin(), static_cast<std::ptrdiff_t>(below(processes_.size())));
    id = at->first;
    return &at->second;
}

void world::step()
{
    auto const dice = below(1'000);
    std::uint64_t id = 0;
    auto* const it = anybody(id);
    if (dice < 150)
        pass(milliseconds{below(100)});
    else if (dice < 153)
        pass(milliseconds{below(40'000)});
    else if (dice < 165)
        wish();
    else if (dice < 300)
        serve_connections();
    else if (it != nullptr && it->dead)
        report(id, *it);
    else if (it != nullptr && dice < 320)
        something_bad(id, *it);
    else if (it != nullptr)
        worker_does(id, *it);
    if (!to_reap_.empty() && one_in(3)) {
        auto const [whose, block] = *to_reap_.begin();
        to_reap_.erase(to_reap_.begin());
        checker_.reaped(whose);
        machine_.reaped(now_, whose);
    }
    after_input();
}

void world::wish()
{
    std::uint64_t id = 0;
    auto* const it = anybody(id);
    switch (below(9)) {
    case 0:
    case 1:
    case 2:
        drained_ = false;
        checker_.asked(machine_.reload(now_));
        break;
    case 3:
    case 4: {
        auto const seats = static_cast<std::uint32_t>(below(plan_.workers_max + 1));
        drained_ = false;
        checker_.scaled(seats);
        machine_.scale(now_, seats);
        break;
    }
    case 5:
        if (it != nullptr)
            machine_.recycle(now_, id);
        break;
    case 6:
        if (it != nullptr) {
            checker_.has_excuse(id);
            if (one_in(2)) {
                machine_.stop_worker(now_, id, milliseconds{below(5'000)});
            } else {
                it->told = true;
                machine_.disconnect_worker(now_, id, milliseconds{below(5'000)});
            }
        }
        break;
    case 7:
        machine_.reset_restarts(now_);
        break;
    default:
        if (one_in(4)) {
            drained_ = true;
            for (auto const& [each, one] : processes_)
                checker_.has_excuse(each);
            machine_.drain_workers(now_);
        }
    }
}

void world::worker_does(std::uint64_t id, process& it)
{
    if (it.hangs && !quiet_)
        return;
    if (it.told && !it.stubborn && (quiet_ || one_in(3))) {
        while (ledger_.passed_to(id) > 0)
            ledger_.acknowledge(id);
        while (ledger_.taken_by(id) > 0)
            ledger_.serve(id);
        return dies(id, it, by_code(0));
    }
    if (!it.online) {
        it.online = true;
        machine_.online(now_, id);
    } else if (!it.ready) {
        it.ready = true;
        machine_.listening(now_, id, 0);
        machine_.ready(now_, id);
    } else {
        ledger_.acknowledge(id);
        if (one_in(2))
            ledger_.serve(id);
    }
}

void world::something_bad(std::uint64_t id, process& it)
{
    checker_.has_excuse(id);
    switch (below(9)) {
    case 0:
        return dies(id, it, by_signal(SIGKILL));
    case 1:
        return dies(id, it, by_code(static_cast<int>(below(2)) * 75));
    case 2:
        return dies(id, it, by_code(fatal_codes_ ? 78 : 1));
    case 3:
        it.hangs = true;
        return;
    case 4:
    case 5:
        if (it.online) {
            machine_.suicide(now_, id, "a handler threw");
            it.told = true;
        }
        return;
    case 6:
        return machine_.broken(now_, id, "a frame out of place");
    case 7:
        if (fatal_codes_) {
            machine_.refused(now_, id, "another schema");
            return dies(id, it, by_code(78));
        }
        return;
    default:
        it.end_known = true; // it closed its channel and lives on
        machine_.disconnected(now_, id);
    }
}

void world::dies(std::uint64_t id, process& it, exit_status status)
{
    if (std::exchange(it.dead, true))
        return;
    it.status = status;
    checker_.died(id);
    checker_.has_excuse(id);
}

void world::report(std::uint64_t id, process& it)
{
    switch (below(3)) {
    case 0:
        if (!std::exchange(it.exit_known, true))
            machine_.exited(now_, id, it.status, "last words");
        break;
    case 1:
        if (!std::exchange(it.end_known, true))
            machine_.disconnected(now_, id);
        break;
    default:
        if (!std::exchange(it.close_known, true))
            machine_.closed(now_, id);
    }
    if (it.exit_known && it.end_known)
        ledger_.died(id);
    if (it.exit_known && it.end_known && it.close_known)
        processes_.erase(id);
}

void world::serve_connections()
{
    for (auto more = below(4); more > 0; --more)
        ledger_.accept();
    auto const server = [this](std::uint32_t seat) { return checker_.server_of(seat); };
    for (auto const id : ledger_.dispatch(plan_.workers_max, server))
        machine_.awake(now_, id);
}

// ---- when it becomes quiet ----

void world::report_everything()
{
    for (auto again = processes_; auto& [id, unused] : again)
        while (processes_.count(id) == 1 && processes_.at(id).dead) {
            report(id, processes_.at(id));
            after_input();
        }
    for (auto const& [id, block] : std::exchange(to_reap_, {})) {
        checker_.reaped(id);
        machine_.reaped(now_, id);
        after_input();
    }
}

// Everybody does what is expected, twice a second.
void world::live_on(int rounds)
{
    for (int round = 0; round < rounds && !finished(); ++round) {
        carry_out();
        for (auto again = processes_; auto& [id, unused] : again)
            if (auto const at = processes_.find(id); at != processes_.end() && !at->second.dead) {
                worker_does(id, at->second);
                carry_out();
            }
        report_everything();
        pass(500ms);
    }
    report_everything();
}

void world::become_quiet()
{
    quiet_ = true;
    if (std::exchange(drained_, false)) {
        checker_.scaled(machine_.seats());
        machine_.scale(now_, machine_.seats());
        after_input();
    }
    live_on(200);
    machine_.reset_restarts(now_); // whatever was given up, by seats or by the cluster
    live_on(200);
    auto const server = [this](std::uint32_t seat) { return checker_.server_of(seat); };
    for (int round = 0; round < 20'000 && !finished() && ledger_.ended() < ledger_.accepted();
         ++round) {
        for (auto const id : ledger_.dispatch(plan_.workers_max, server))
            machine_.awake(now_, id);
        for (auto const& [id, one] : processes_) {
            ledger_.acknowledge(id);
            ledger_.serve(id);
        }
        after_input();
    }
    live_on(200);
    if (!finished())
        checker_.is_quiet(machine_);
}

void world::stop()
{
    quiet_ = true;
    for (auto const& [id, one] : processes_)
        checker_.has_excuse(id);
    if (!finished())
        machine_.stop(now_, 5s);
    live_on(100);
    carry_out();
    checker_.is_over();
    for (auto const& [id, one] : processes_)
        ledger_.died(id);
    ledger_.give_up();
    if (ledger_.ended() != ledger_.accepted())
        throw std::logic_error{"a connection was neither served nor reported"};
}

} // namespace covey::simulation
