#include "simulation/checker.hpp"

#include <algorithm>
#include <covey/protocol/version.hpp>
#include <csignal>
#include <stdexcept>

namespace covey::simulation {

namespace {

void must(bool holds, char const* what)
{
    if (!holds)
        throw std::logic_error{what};
}

// Facts come in the order of their ranks; suicide may come anywhere before the end.
int rank(fact what)
{
    switch (what) {
    case fact::fork:
        return 0;
    case fact::online:
        return 1;
    case fact::listening:
        return 2;
    case fact::ready:
        return 3;
    case fact::suicide:
        return 4;
    case fact::disconnect:
        return 5;
    case fact::exit:
        return 6;
    case fact::close:
        return 7;
    default:
        return -1;
    }
}

} // namespace

checker::worker& checker::known(std::uint64_t id)
{
    auto const at = workers_.find(id);
    must(at != workers_.end(), "an order is about a worker that is no more");
    return at->second;
}

std::optional<std::uint64_t> checker::server_of(std::uint32_t seat) const
{
    auto const at = serves_.find(seat);
    return at == serves_.end() ? std::nullopt : std::optional{at->second};
}

void checker::forked(order::fork const& one)
{
    must(workers_.count(one.id) == 1, "a worker was forked without an order");
}

void checker::not_forked(std::uint64_t id)
{
    must(owner_of_.erase(known(id).block) == 1, "a block had no owner");
    workers_.erase(id);
}

void checker::reaped(std::uint64_t id)
{
    must(owner_of_.erase(known(id).block) == 1, "a block had no owner");
}

void checker::ordered(order_to_do const& one)
{
    must(!finished_, "an order came behind the finish");
    std::visit([this](auto const& it) { check(it); }, one);
}

void checker::check(order::fork const& it)
{
    must(it.id > last_id_, "an id is used again");
    last_id_ = it.id;
    must(it.block < plan_.blocks, "there is no such block");
    must(owner_of_.emplace(it.block, it.id).second, "a block has two owners");
    must(it.seat < seats_, "a worker is forked for a seat that is not wanted");
    workers_[it.id] = {it.seat, it.block, it.generation, -1, {}, false, false};
}

void checker::check(order::stop const& it)
{
    known(it.id).leaving = true;
    must(server_of(known(it.id).seat) != it.id, "a worker is stopped while it serves");
}

void checker::check(order::signal const& it)
{
    must(it.number == SIGKILL || it.number == SIGABRT, "nobody sends that signal");
    known(it.id).leaving = true;
    excused_.insert(it.id);
}

// A seat that is served stays served, unless its worker has an excuse.
void checker::check(order::serve const& it)
{
    auto const before = server_of(it.seat);
    must(before != it.id, "a seat is given to who has it");
    if (!it.id) {
        must(may_stop_ || it.seat >= seats_ || excused_.count(*before) == 1,
             "a planned operation left a seat without its worker");
        serves_.erase(it.seat);
        return;
    }
    auto const& one = known(*it.id);
    must(one.seat == it.seat, "a worker serves a seat that is not its own");
    must(one.ready && !one.leaving, "a worker serves that is not ready, or leaves");
    serves_[it.seat] = *it.id;
}

void checker::check(order::reap const& it)
{
    auto const& one = known(it.id);
    must(one.block == it.block, "another worker's block is reaped");
    must(one.told.count(fact::exit) == 1 && one.told.count(fact::disconnect) == 1,
         "a block is reaped before its worker is over");
}

void checker::check(order::tell const& it)
{
    switch (it.what) {
    case fact::reload_started:
        return reload_began();
    case fact::reload_done:
    case fact::reload_failed:
        must(reloading_, "a reload ended that had not begun");
        reloading_ = false;
        return;
    case fact::giveup:
        may_stop_ = !announced_ || plan_.restart.on_giveup != giveup_action::keep;
        return must(!it.text.empty(), "a give-up has no history");
    case fact::error:
        return;
    default:
        break;
    }
    auto& one = known(it.id);
    must(it.seat == one.seat && it.generation == one.generation, "a fact is about another worker");
    must(one.told.insert(it.what).second, "a fact is told twice");
    must(rank(it.what) > one.last, "facts are out of order");
    one.last = rank(it.what);
    one.ready = one.ready || it.what == fact::ready;
    one.leaving = one.leaving || it.what == fact::suicide;
    if (it.what == fact::exit) {
        ++exits_;
        may_stop_ = may_stop_ || (!announced_ && it.status.code == protocol::worker_exit::fatal);
        must(one.told.count(fact::disconnect) == 1, "an exit came before the channel was read");
    }
    if (it.what == fact::close)
        must(one.told.count(fact::exit) == 1, "a close came before the exit");
}

void checker::reload_began()
{
    must(!reloading_, "two reloads run");
    reloading_ = true;
    std::set<std::uint32_t> alive;
    bool somebody_leaves = false;
    for (auto const& [id, one] : workers_)
        if (dead_.count(id) == 0) {
            alive.insert(one.generation);
            somebody_leaves = somebody_leaves || one.leaving;
        }
    must(alive.size() < plan_.generations_max || !somebody_leaves,
         "a reload began while too many generations were alive");
}

void checker::check(order::verdict const& it)
{
    for (auto request = it.first; request <= it.last; ++request)
        must(asked_.erase(request) == 1, "a reload request has two verdicts, or was never made");
}

void checker::check(order::announce const&)
{
    must(!announced_, "the cluster is announced twice");
    announced_ = true;
}

void checker::check(order::finish const&)
{
    for (auto const& [id, one] : workers_)
        must(dead_.count(id) == 1, "the cluster finished while a worker lived");
    finished_ = true;
}

void checker::looked(supervisor const& machine, time_point now)
{
    must(!machine.next() || *machine.next() >= now, "the next tick is in the past");
    struct count
    {
        int staying = 0;
        int starting = 0;
    };
    std::map<std::uint32_t, count> seats;
    std::uint32_t served = 0;
    for (auto const& one : machine.lives()) {
        auto const seen = workers_.find(one.id);
        must(seen != workers_.end() || one.state == life_state::dead, "a life nobody forked");
        must(one.serves == (server_of(one.seat) == one.id), "who serves is not who was ordered to");
        served += one.serves ? 1 : 0;
        if (one.planned || excused_.count(one.id) == 1 || one.state == life_state::dead)
            continue;
        ++seats[one.seat].staying;
        seats[one.seat].starting += one.serves ? 0 : 1;
    }
    must(served == machine.ready_seats(), "the number of ready seats is wrong");
    for (auto const& [seat, one] : seats) {
        must(one.staying - one.starting <= 1, "two lives serve one seat");
        must(one.starting <= (reloading_ ? 2 : 1), "a seat has more replacements than causes");
    }
    for (auto at = workers_.begin(); at != workers_.end();)
        at = at->second.told.count(fact::close) == 1 && owner_of_.count(at->second.block) == 0
                 ? workers_.erase(at)
                 : std::next(at);
}

void checker::is_quiet(supervisor const& machine)
{
    must(!machine.is_reloading() && asked_.empty(), "a reload request has no verdict");
    must(machine.ready_seats() == machine.seats(), "the cluster does not come back to its size");
    if (plan_.recycle.age > milliseconds{0})
        return; // somebody grows old all the time
    must(!machine.next(), "an idle cluster needs a timer");
    must(machine.lives().size() == machine.seats(), "a life remains that nobody needs");
}

void checker::is_over() const
{
    must(finished_, "a stopped cluster does not finish");
    must(asked_.empty(), "a reload request has no verdict");
    for (auto const& [id, one] : workers_)
        must(one.told.empty() || one.told.count(fact::close) == 1, "a worker has no close");
}

} // namespace covey::simulation
