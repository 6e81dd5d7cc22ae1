#include "runtime.hpp"

#include "change_loop.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "intake.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/channel.hpp>
#include <covey/protocol/log.hpp>
#include <covey/protocol/version.hpp>
#include <covey/shm/participant.hpp>
#include <covey/shm/state.hpp>
#include <csignal>
#include <exception>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace covey {

using boost::system::error_code;
namespace exits = protocol::worker_exit;

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
    void meet(protocol::welcome const& introduced, std::vector<handle> handles);
    void begin();
    void refuse(std::string reason);
    void serve(protocol::connection const& passed, std::vector<handle> handles);
    void drain(std::chrono::milliseconds within);
    void leave(int code);

    // ---- the parts ----
    runtime& self;
    state& view;
    std::function<void(runtime&)> set_up;
    net::io_context loop{1};
    protocol::worker_channel channel;
    net::signal_set signals{loop};
    net::steady_timer deadline{loop};

    protocol::welcome introduction;
    worker_identity identity;
    std::vector<handle> lent; // the segment
    std::vector<handle> bells;
    std::vector<handle> listening;

    http::router routes;
    std::optional<participant> who;
    std::optional<subscription> changes;
    std::optional<change_loop> telling;
    std::optional<http::server> server;
    std::optional<intake> arrivals;
    std::function<void(relayed_change const&)> relayed;

    bool is_ready = false;
    bool is_draining = false;
    std::optional<int> exit_code;
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

worker_load as_load(http::traffic const& now)
{
    return {.connections = now.connections, .in_flight = now.in_flight, .requests = now.requests};
}

} // namespace

void runtime::core::converse()
{
    channel.async_receive([this](error_code failed, protocol::envelope<protocol::from_master> in) {
        if (exit_code)
            return;
        if (failed && failed != protocol::error::handles_lost) {
            if (failed != protocol::error::closed)
                log::error("the channel has ended: " + failed.message());
            // Nobody could stop this worker any more, nor start it again.
            return leave(exits::planned);
        }
        hear(std::move(in));
        converse();
    });
}

void runtime::core::hear(protocol::envelope<protocol::from_master> in)
{
    std::visit(
        overloaded{
            [&](protocol::welcome const& introduced) { meet(introduced, std::move(in.handles)); },
            [&](protocol::doorbells const&) {
                std::move(in.handles.begin(), in.handles.end(), std::back_inserter(bells));
            },
            [&](protocol::listener const&) {
                std::move(in.handles.begin(), in.handles.end(), std::back_inserter(listening));
            },
            [&](protocol::begin const&) { begin(); },
            [&](protocol::connection const& passed) { serve(passed, std::move(in.handles)); },
            [&](protocol::stop const& asked) {
                drain(std::chrono::milliseconds{asked.deadline_ms});
            },
            [&](protocol::talk const&) {},
            [&](protocol::change const& told) {
                if (relayed)
                    relayed({told.field, told.kind, told.revision, told.key, told.row});
            },
        },
        in.message);
}

void runtime::core::meet(protocol::welcome const& introduced, std::vector<handle> handles)
{
    introduction = introduced;
    identity = {.id = introduced.id,
                .seat = introduced.seat,
                .generation = introduced.generation,
                .name = introduced.name};
    lent = std::move(handles);
    auto least = log::level::info;
    auto form = log::format::text;
    log::parse(introduced.log_level, least);
    log::parse(introduced.log_format, form);
    log::configure("worker " + std::to_string(introduced.seat), least, form);
}

// Everything a worker needs is here: attach, set up, report.
void runtime::core::begin()
{
    if (is_ready || exit_code)
        return;
    if (introduction.version != protocol::version)
        return refuse("the master speaks protocol version " + std::to_string(introduction.version) +
                      ", this program " + std::to_string(protocol::version));
    try {
        if (lent.size() != 1)
            throw std::runtime_error{"the master's segment was lost on the way"};
        if (bells.size() != introduction.blocks)
            throw std::runtime_error{std::to_string(bells.size()) + " doorbells came for " +
                                     std::to_string(introduction.blocks) + " blocks"};
        auto const memory = segment::attach(lent.front(), view.described());
        lent.clear();
        who.emplace(memory, introduction.block, doorbells{std::move(bells)});
        view.bind(*who);
        changes.emplace(*who);
        server.emplace(loop, routes, http::limits{},
                       [this](http::traffic const& now) { who->set_load(as_load(now)); });
        arrivals.emplace(loop, *server);
        set_up(self);
        telling.emplace(loop, *changes, std::chrono::microseconds{introduction.busy_poll_us});
        for (auto& each : listening)
            arrivals->listen(std::move(each));
        listening.clear();
    } catch (std::exception const& failed) {
        return refuse(failed.what());
    }
    who->set_load(as_load(no_traffic));
    is_ready = true;
    channel.send(protocol::ready{});
    if (relayed)
        channel.send(protocol::watch_changes{});
}

// The reason is the last word: it leaves before the process does.
void runtime::core::refuse(std::string reason)
{
    log::error("cannot serve: " + reason);
    channel.send(protocol::refused{std::move(reason)});
    channel.async_drained([this](error_code) { leave(exits::fatal); });
}

void runtime::core::serve(protocol::connection const& passed, std::vector<handle> handles)
{
    if (handles.size() != 1 || !is_ready || is_draining) {
        channel.send(protocol::rejected{passed.ticket});
        return;
    }
    // Before the first read: until this is sent the master may give the connection to a sibling,
    // and a byte read here would be lost to it.
    channel.send(protocol::accepted{passed.ticket});
    arrivals->take(std::move(handles.front()));
}

// Asked again, the earlier deadline holds.
void runtime::core::drain(std::chrono::milliseconds within)
{
    auto const at = std::chrono::steady_clock::now() + within;
    if (!is_ready || within.count() == 0)
        return leave(exits::planned);
    if (is_draining && deadline.expiry() <= at)
        return;
    deadline.expires_at(at);
    deadline.async_wait([this](error_code stopped) {
        if (!stopped) {
            log::warning("the drain's deadline has passed; " +
                         std::to_string(server->load().connections) + " connections are cut");
            leave(exits::planned);
        }
    });
    if (std::exchange(is_draining, true))
        return;
    arrivals->stop();
    server->drain([this] { leave(exits::planned); });
}

void runtime::core::leave(int code)
{
    if (!exit_code)
        exit_code = code;
    loop.stop();
}

runtime::runtime(handle channel, state& view, std::function<void(runtime&)> set_up)
    : core_{std::make_unique<core>(*this, std::move(channel), view, std::move(set_up))}
{}

runtime::~runtime() = default;

int runtime::run()
{
    auto& parts = *core_;
    // A terminal's Ctrl-C reaches every process of the group; the master decides what it means.
    // A reader of standard error that goes away must not take workers with it.
    std::signal(SIGINT, SIG_IGN);
    std::signal(SIGPIPE, SIG_IGN);
    parts.signals.add(SIGTERM);
    parts.signals.async_wait([&parts](error_code stopped, int) {
        if (!stopped)
            parts.drain(std::chrono::milliseconds{parts.introduction.drain_deadline_ms});
    });

    parts.channel.send(protocol::hello{.version = protocol::version, .pid = ::getpid()});
    parts.converse();
    parts.loop.run();
    return parts.exit_code.value_or(exits::temporary);
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

net::any_io_executor runtime::get_executor() const
{
    return core_->loop.get_executor();
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
