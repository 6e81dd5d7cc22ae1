#include "control_desk.hpp"

#include "cluster_core.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <covey/protocol/control_place.hpp>
#include <covey/protocol/log.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace covey::supervision {

namespace control = protocol::control;

control_desk::control_desk(net::any_io_executor executor, std::string const& path,
                           cluster_core& core)
    : executor_{std::move(executor)}
    , core_{&core}
    , socket_{std::make_unique<control_socket>(path, core.settings().name)}
{}

void control_desk::open()
{
    log::info(fmt::format("control socket {}", socket_->path()));
    door_ = std::make_shared<protocol::accept_loop>(
        executor_, socket_->listening(), "control " + socket_->path(),
        [weak = weak_from_this()](handle made, sockaddr_storage const&) {
            if (auto const self = weak.lock())
                self->take(std::move(made));
        },
        1);
    door_->resume();
}

void control_desk::close()
{
    core_ = nullptr;
    if (door_)
        door_->leave();
    for (auto const& session : sessions_)
        session->end();
    sessions_.clear();
    socket_.reset();
}

void control_desk::take(handle socket)
try {
    auto const who = protocol::peer_of(socket);
    if (core_ == nullptr || (who.user != ::geteuid() && who.user != 0))
        return;
    auto session = std::make_shared<control_session>(
        executor_, std::move(socket), static_cast<controlled&>(*this),
        [weak = weak_from_this()](control_session const& ended) {
            if (auto const self = weak.lock())
                self->forget(ended);
        });
    make_room();
    sessions_.push_back(session); // by age
    session->start();
} catch (boost::system::system_error const& failed) { // no descriptor to watch it by
    log::warning(fmt::format("a tool was sent away: {}", failed.what()));
}

void control_desk::make_room()
{
    if (sessions_.size() < sessions_max)
        return;
    auto leaves = std::find_if(sessions_.begin(), sessions_.end(),
                               [](auto const& one) { return one->is_idle(); });
    if (leaves == sessions_.end())
        leaves = sessions_.begin();
    (*leaves)->end();
    sessions_.erase(leaves);
}

void control_desk::forget(control_session const& session)
{
    sessions_.erase(std::remove_if(sessions_.begin(), sessions_.end(),
                                   [&](auto const& one) { return one.get() == &session; }),
                    sessions_.end());
}

// ---- what tools ask ----

control::cluster control_desk::describe() const
{
    auto const& now = core_->workers().decided();
    auto const age = std::chrono::steady_clock::now() - since_;
    return {.version = control::version,
            .name = core_->settings().name,
            .pid = ::getpid(),
            .software = COVEY_VERSION,
            .addresses = core_->is_stopping()
                             ? std::string{}
                             : fmt::format("{}", fmt::join(core_->addresses(), " ")),
            .dispatch = std::string{name(core_->settings().dispatch)},
            .age_ms = static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::milliseconds>(age).count()),
            .seats = now.seats(),
            .seats_max = core_->settings().workers_max,
            .ready = now.ready_seats(),
            .generation = now.generation(),
            .has_given_up = now.has_given_up(),
            .is_stopping = core_->is_stopping()};
}

std::vector<control::worker> control_desk::list_workers() const
{
    auto const seats = core_->workers().status();
    std::vector<control::worker> out;
    for (auto const& [who, block, unacknowledged, load] : core_->workers().living()) {
        auto& one = out.emplace_back(control::worker{.seat = who.seat(),
                                                     .id = who.id(),
                                                     .pid = who.pid(),
                                                     .generation = who.generation(),
                                                     .state = std::string{name(who.state())},
                                                     .block = block,
                                                     .connections = load.connections,
                                                     .connections_max = load.limit,
                                                     .in_flight = load.in_flight,
                                                     .requests = load.requests,
                                                     .unacknowledged = unacknowledged});
        if (one.seat < seats.size()) {
            one.starts = seats[one.seat].starts;
            one.changes_dropped = seats[one.seat].changes_dropped;
        }
    }
    for (auto const& seat : seats)
        if (std::none_of(out.begin(), out.end(),
                         [&](auto const& one) { return one.seat == seat.seat; }))
            out.push_back({.seat = seat.seat,
                           .id = seat.id,
                           .generation = seat.generation,
                           .state = std::string{name(worker_state::none)},
                           .starts = seat.starts,
                           .changes_dropped = seat.changes_dropped});
    std::stable_sort(out.begin(), out.end(), [](auto const& a, auto const& b) {
        return std::pair{a.seat, a.id} < std::pair{b.seat, b.id};
    });
    return out;
}

handle control_desk::lend_segment() const
{
    return core_->workers().lend_segment();
}

void control_desk::reload(reload_handler handler)
{
    log::info("a tool asks for a reload");
    core_->workers().reload(std::move(handler));
}

std::string control_desk::scale(std::uint32_t workers)
{
    auto const most = core_->settings().workers_max;
    if (workers == 0 || workers > most)
        return fmt::format("cannot scale to {}: this cluster takes 1 to {} workers "
                           "(--workers-max)",
                           workers, most);
    if (core_->is_stopping())
        return "the cluster is stopping";
    log::info(fmt::format("a tool asks for {} workers", workers));
    core_->workers().scale(workers);
    return {};
}

// The answer leaves first, and a cluster that is killed ends this desk with it.
void control_desk::stop(bool now)
{
    log::info(now ? "a tool asks for a stop, now" : "a tool asks for a stop");
    net::post(executor_, [weak = weak_from_this(), now] {
        auto const self = weak.lock();
        if (!self || self->core_ == nullptr)
            return;
        if (now)
            self->core_->stop_now();
        else
            self->core_->stop();
    });
}

} // namespace covey::supervision
