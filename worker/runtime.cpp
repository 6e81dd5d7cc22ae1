#include "runtime.hpp"

#include "change_loop.hpp"
#include "departure.hpp"
#include "http/metrics.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "intake.hpp"
#include "introduction.hpp"
#include "pulse.hpp"
#include "sweep_loop.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/log.hpp>
#include <covey/protocol/signal_watch.hpp>
#include <covey/protocol/thrown.hpp>
#include <covey/protocol/version.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/participant.hpp>
#include <covey/shm/state.hpp>
#include <covey/shm/statistics.hpp>
#include <csignal>
#include <exception>
#include <optional>
#include <unistd.h>
#include <utility>
#include <variant>

namespace covey {

using boost::system::error_code;
using std::chrono::milliseconds;
namespace exits = protocol::worker_exit;

namespace {

constexpr int exit_uncaught = 1;
constexpr std::size_t reason_bytes_max = 4096; // of a suicide: it goes into the master's log

// Over this long idle connections and streams end when nobody has said how long: their clients come
// back to siblings, and shall not come all at once.
constexpr milliseconds own_spread{1'000};

// Between two looks at the parent while a worker without a channel finishes.
constexpr milliseconds parent_look{50};

} // namespace

// The parts in the order they stand on one another; they go in the opposite one.
struct runtime::core
{
    core(runtime& owner, handle socket, state& bound, std::function<void(runtime&)> given)
        : self{owner}
        , view{bound}
        , set_up{std::move(given)}
        , channel{loop.get_executor(), std::move(socket)}
    {}

    // ---- the conversation ----
    void converse();
    void hear(protocol::envelope<protocol::from_master> in);
    void begin();
    void serve(protocol::connection const& passed, std::vector<handle> handles, std::size_t lost);
    void load_changed(http::traffic const& now);
    void channel_ended(error_code reason);
    void watch_parent();

    // ---- the ways out ----
    void refuse(std::string const& reason);
    void not_yet(std::string const& reason);
    void suicide(std::string const& reason);
    void uncaught(std::string const& what);
    milliseconds drain_deadline() const { return milliseconds{told.who().drain_deadline_ms}; }

    // ---- the parts ----
    runtime& self;
    state& view;
    std::function<void(runtime&)> set_up;
    net::io_context loop{1};
    protocol::worker_channel channel;
    messenger talk{loop.get_executor(), carried_by(channel)};
    std::optional<protocol::signal_watch> signals;
    pid_t const parent = ::getppid();
    net::steady_timer parent_watch{loop};

    introduction told;
    worker_identity identity;

    http::router routes;
    std::optional<participant> who;
    std::optional<inspect> seen;
    std::optional<pulse> beats;
    std::optional<subscription> changes;
    std::optional<change_loop> telling;
    std::optional<sweep_loop> sweeps;
    std::optional<http::server> server;
    std::optional<intake> arrivals;
    departure leaving{loop, channel};
    std::function<void(relayed_change const&)> relayed;

    std::string access_target; // asked for before there was a server
    std::uint32_t connections_max = worker_load::no_limit;
    bool is_full = false;
    bool is_ready = false;
    int uncaught_exceptions = 0;
};

namespace {

template <class... Calls>
struct overloaded : Calls...
{
    using Calls::operator()...;
};
template <class... Calls>
overloaded(Calls...) -> overloaded<Calls...>; // clang 14 does not deduce an aggregate

http::traffic const no_traffic;

// Not ignored: that would be inherited by every program which a handler executes.
void shrug_off(int number)
{
    struct sigaction nothing
    {};
    nothing.sa_handler = [](int) {};
    nothing.sa_flags = SA_RESTART;
    ::sigaction(number, &nothing, nullptr);
}

worker_load as_load(http::traffic const& now, std::uint32_t limit)
{
    return {.connections = now.connections,
            .in_flight = now.in_flight,
            .requests = now.requests,
            .limit = limit};
}

} // namespace

void runtime::core::converse()
{
    channel.async_receive([this](error_code failed, protocol::envelope<protocol::from_master> in) {
        if (leaving.is_over())
            return;
        if (failed && failed != protocol::error::handles_lost)
            return channel_ended(failed);
        if (failed && !std::holds_alternative<protocol::talk>(in.message))
            told.handles_were_lost();
        converse(); // first: what is heard may call a handler that throws
        hear(std::move(in));
        if (beats)
            beats->beat();
    });
}

void runtime::core::hear(protocol::envelope<protocol::from_master> in)
{
    std::visit(overloaded{
                   [&](protocol::welcome const& said) {
                       identity = {said.id, said.seat, said.generation, said.name};
                       told.hear(said, std::move(in.handles));
                   },
                   [&](protocol::doorbells const& said) { told.hear(said, std::move(in.handles)); },
                   [&](protocol::listener const& said) { told.hear(said, std::move(in.handles)); },
                   [&](protocol::begin const& said) {
                       told.hear(said, std::move(in.handles));
                       begin();
                   },
                   [&](protocol::connection const& passed) {
                       serve(passed, std::move(in.handles), in.handles_lost);
                   },
                   [&](protocol::stop const& asked) {
                       talk.give_heard(); // it was said before
                       leaving.drain(milliseconds{asked.deadline_ms},
                                     milliseconds{asked.spread_ms});
                   },
                   [&](protocol::talk& said) { talk.hear(std::move(said), std::move(in.handles)); },
                   [&](protocol::change const& told_change) {
                       if (relayed)
                           relayed({told_change.field, told_change.kind, told_change.revision,
                                    told_change.key, told_change.row});
                   },
               },
               in.message);
}

// Everything a worker needs is here: attach, set up, report.
void runtime::core::begin()
{
    if (is_ready || leaving.is_over())
        return;
    if (auto const wrong = told.wrong(); !wrong.empty())
        return refuse(wrong);
    auto const& plan = told.who();
    try {
        auto const memory = segment::attach(std::exchange(told.segment, {}), view.described());
        who.emplace(memory, plan.block, doorbells{std::move(told.bells), std::move(told.relay)});
        beats.emplace(loop, *who, milliseconds{plan.beat_ms},
                      [this] { channel.send(protocol::awake{}); });
        seen.emplace(inspect::over(memory, view.described()));
        view.bind(*who);
        changes.emplace(*who);
        connections_max = plan.connections_max;
        server.emplace(loop, routes, http::limits{},
                       [this](http::traffic const& now) { load_changed(now); });
        server->count_in(shm::statistics_of(*who));
        log::count_dropped_in(&server->counts().log_dropped());
        if (!access_target.empty())
            self.log_access(std::move(access_target));
        arrivals.emplace(loop, *server);
        load_changed(no_traffic);
        set_up(self);
        telling.emplace(loop, *changes, std::chrono::microseconds{plan.busy_poll_us});
        sweeps.emplace(loop, *who);
        if (plan.takes_turns)
            arrivals->take_turns(*who);
        telling->on_ring([this, turns = plan.takes_turns] {
            if (turns)
                arrivals->rung();
            sweeps->look();
        });
        for (auto& each : told.addresses) {
            if (each.listening.is_open())
                arrivals->listen(std::move(each.listening), each.text);
            channel.send(protocol::listening{each.index});
        }
        told.go_back_to_standard_error();
    } catch (temporary_failure const& failed) {
        return not_yet(failed.what());
    } catch (std::exception const& failed) {
        return refuse(failed.what());
    }
    leaving.serves(*arrivals, *server);
    is_ready = true;
    channel.send(protocol::ready{});
    if (relayed)
        channel.send(protocol::watch_changes{});
}

void runtime::core::serve(protocol::connection const& passed, std::vector<handle> handles,
                          std::size_t lost)
{
    bool const none = lost > 0 || !is_ready || leaving.is_draining();
    auto now = none ? no_traffic : server->load();
    auto const room = none ? 0 : connections_max - std::min(connections_max, now.connections);
    auto const taken = std::min<std::size_t>(room, handles.size());
    if (taken > 0) {
        // The load first: a master that has heard `accepted` counts on it. Then `accepted`, before
        // the first read: until it is sent the master may give the connections to a sibling, and a
        // byte read here would be lost to it.
        now.connections += static_cast<std::uint32_t>(taken);
        who->set_load(as_load(now, connections_max));
        channel.send(protocol::accepted{passed.ticket + taken - 1});
    }
    for (auto i = taken; i != handles.size() + lost; ++i)
        channel.send(protocol::rejected{passed.ticket + i});
    handles.erase(handles.begin() + static_cast<std::ptrdiff_t>(taken), handles.end());
    if (taken > 0)
        server->open(std::move(handles));
}

// The master reads the load when it chooses; a worker that was full says when it is not any more,
// for the master may have nothing else to wake for.
void runtime::core::load_changed(http::traffic const& now)
{
    who->set_load(as_load(now, connections_max));
    beats->connections(now.connections);
    arrivals->traffic(now);
    bool const full = now.connections >= connections_max;
    if (std::exchange(is_full, full) == full)
        return;
    if (full)
        server->hits().count(http::limit::connections);
    full ? arrivals->pause() : arrivals->resume();
    if (!full && is_ready && !leaving.is_draining())
        channel.send(protocol::room{});
}

// A master that ends the conversation lets its worker finish; a worker whose master is dead, to
// whom nobody could say anything any more, does not go on without one.
void runtime::core::channel_ended(error_code reason)
{
    if (reason != protocol::error::closed)
        log::error("the channel has ended: " + reason.message());
    talk.end(reason);
    talk.give_heard();
    leaving.drain(drain_deadline(), own_spread);
    watch_parent();
}

// The kernel closes what a dying process had open before it gives its children another parent, so
// the first look may come too early; a master may die later, too.
void runtime::core::watch_parent()
{
    if (::getppid() != parent)
        return leaving.leave(exits::planned);
    parent_watch.expires_after(parent_look);
    parent_watch.async_wait([this](error_code stopped) {
        if (!stopped)
            watch_parent();
    });
}

// ---- the ways out
// -------------------------------------------------------------------------------

void runtime::core::refuse(std::string const& reason)
{
    log::error("cannot serve: " + reason);
    channel.send(protocol::refused{reason});
    leaving.leave(exits::fatal);
}

// No message of its own: what a worker wrote to standard error before it was ready is what the
// master tells about its end.
void runtime::core::not_yet(std::string const& reason)
{
    log::error("cannot serve yet: " + reason);
    leaving.leave(exits::temporary);
}

void runtime::core::suicide(std::string const& reason)
{
    log::warning("leaves: " + reason);
    if (leaving.is_draining())
        return;
    channel.send(protocol::suicide{reason.substr(0, reason_bytes_max)});
    leaving.drain(drain_deadline(), own_spread);
}

// The first costs the worker its place, not its clients their answers; who then goes on throwing is
// past helping.
void runtime::core::uncaught(std::string const& what)
{
    log::error("uncaught exception: " + what);
    if (++uncaught_exceptions > 1)
        return leaving.leave(exit_uncaught);
    suicide("uncaught exception: " + what);
}

runtime::runtime(handle channel, state& view, std::function<void(runtime&)> set_up)
    : core_{std::make_unique<core>(*this, std::move(channel), view, std::move(set_up))}
{}

runtime::~runtime()
{
    log::count_dropped_in(nullptr); // its word goes with the segment
}

int runtime::run()
{
    auto& parts = *core_;
    // A terminal's Ctrl-C reaches every process of the group; the master decides what it means.
    // A reader of standard error that goes away must not take workers with it.
    shrug_off(SIGINT);
    shrug_off(SIGPIPE);
    parts.signals.emplace(parts.loop.get_executor(), std::array{SIGTERM},
                          [&parts](int) { parts.suicide("SIGTERM"); });

    parts.channel.send(protocol::hello{.version = protocol::version, .pid = ::getpid()});
    parts.converse();
    for (bool over = false; !over;) {
        try {
            parts.loop.run();
            over = true;
        } catch (...) {
            parts.uncaught(protocol::words_of(std::current_exception()));
        }
    }
    return parts.leaving.code().value_or(exits::temporary);
}

void runtime::route(std::string method, std::string pattern, http::handler handler)
{
    core_->routes.add(std::move(method), pattern, std::move(handler));
}

subscription& runtime::changes()
{
    return *core_->changes;
}

worker_identity const& runtime::identity() const
{
    return core_->identity;
}

void runtime::log(std::string const& line)
{
    log::info(line);
}

void runtime::log_access(std::string target)
{
    if (!core_->server) {
        core_->access_target = std::move(target);
        return;
    }
    log::format form{};
    log::parse(core_->told.who().log_format, form); // the master has looked at it
    core_->server->log_access(std::move(target), form, core_->identity.seat);
}

std::string runtime::metrics_text() const
{
    return http::metrics_page(*core_->seen);
}

void runtime::suicide(std::string const& reason)
{
    if (!core_->is_ready)
        throw temporary_failure{reason};
    core_->suicide(reason);
}

void runtime::on_drain(std::function<void(milliseconds)> handler)
{
    core_->leaving.on_drain(std::move(handler));
}

void runtime::limit_connections(std::optional<std::uint32_t> most)
{
    core_->connections_max = most.value_or(worker_load::no_limit);
    core_->load_changed(core_->server->load());
}

void runtime::limit(http::limits const& bounds)
{
    core_->server->limit(bounds);
}

void runtime::heartbeat()
{
    core_->beats->beat();
}

net::any_io_executor runtime::get_executor() const
{
    return core_->loop.get_executor();
}

messenger& runtime::conversation()
{
    return core_->talk;
}

void runtime::relay(relayed_change const& change)
{
    core_->channel.send(
        protocol::change{change.field, change.kind, change.revision, change.key, change.row});
}

void runtime::on_relayed(std::function<void(relayed_change const&)> handler)
{
    bool const asked = static_cast<bool>(std::exchange(core_->relayed, std::move(handler)));
    if (core_->is_ready && !asked)
        core_->channel.send(protocol::watch_changes{});
}

} // namespace covey
