#include "cluster_core.hpp"

#include "child_process.hpp"
#include "control_desk.hpp"
#include "listen_address.hpp"
#include "start_error.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <covey/protocol/log.hpp>
#include <fmt/format.h>
#include <span>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace covey::supervision {

using namespace std::chrono_literals;

namespace {

// How long a stop waits for room in workers for the connections that are accepted already.
constexpr std::chrono::milliseconds hand_over_max = 1s;

options checked(options settings)
{
    if (auto wrong = settings.validate(); !wrong.empty())
        throw start_error{
            boost::system::errc::make_error_code(boost::system::errc::invalid_argument), wrong};
    settings.workers_max = settings.worker_limit();
    settings.workers = settings.worker_count(); // from here on numbers, never "auto"
    return settings;
}

worker_program located(worker_program program)
{
    if (program.path.empty())
        program.path = own_program();
    return program;
}

bool master_accepts(dispatch_policy policy)
{
    return policy != dispatch_policy::shared && policy != dispatch_policy::reuseport;
}

// All that have the name: a unit may have several ListenStream= lines.
void adopt(std::string const& address, inherited_sockets& from, std::string const& name,
           std::vector<listener>& into)
{
    auto const [first, last] = from.equal_range(name);
    if (first == last)
        throw start_error{
            boost::system::errc::make_error_code(boost::system::errc::bad_file_descriptor),
            fmt::format("listen on {}: the service manager has handed over no socket of that name; "
                        "write FileDescriptorName={} into its socket unit",
                        address, name)};
    for (auto one = first; one != last; ++one)
        into.emplace_back(address, std::move(one->second));
    from.erase(first, last);
}

std::vector<listener> bind_all(options const& settings)
{
    std::uint32_t const seats =
        settings.dispatch == dispatch_policy::reuseport ? std::max(settings.workers, 1U) : 0;
    std::vector<listener> out;
    std::optional<inherited_sockets> inherited; // taken only when somebody asks for them
    for (auto const& address : settings.listen) {
        listen_address wanted;
        static_cast<void>(parse(address, wanted)); // options::validate() has seen it
        if (!wanted.is_inherited()) {
            out.emplace_back(address, seats);
            continue;
        }
        if (!inherited)
            inherited = take_inherited_sockets();
        adopt(address, *inherited, wanted.name, out);
    }
    return out;
}

std::vector<std::string> addresses_of(std::vector<listener> const& all)
{
    std::vector<std::string> out;
    for (auto const& one : all)
        out.push_back(one.address());
    return out;
}

} // namespace

cluster_core::cluster_core(net::any_io_executor executor, options settings, schema const& described,
                           worker_program program)
    : executor_{executor}
    , settings_{checked(std::move(settings))}
    , listeners_{bind_all(settings_)}
    , addresses_{addresses_of(listeners_)}
    , conductor_{std::make_shared<conductor>(executor, settings_, described,
                                             located(std::move(program)), addresses_,
                                             static_cast<stage_hands&>(*this))}
    , finished_{executor, net::steady_timer::time_point::max()}
    , hand_over_limit_{executor}
{
    dispatcher_.emplace(executor_, settings_, settings_.workers_max,
                        dispatcher::seats{.look =
                                              [this](std::span<seat_view> views) {
                                                  for (std::uint32_t i = 0; i < views.size(); ++i)
                                                      views[i] = conductor_->view(i);
                                              },
                                          .pass =
                                              [this](std::uint32_t seat, passed_connection& one) {
                                                  return conductor_->pass(seat, one);
                                              }});
    if (!master_accepts(settings_.dispatch))
        return;
    for (std::uint32_t i = 0; i < listeners_.size(); ++i)
        dispatcher_->add(i, listeners_[i].socket_for(0), listeners_[i].address());
}

cluster_core::~cluster_core() = default;

// ---- from start to end ----

net::awaitable<int> cluster_core::run(std::shared_ptr<cluster_core> self)
{
    self->start();
    boost::system::error_code woken;
    while (self->stage_ != stage::over)
        co_await self->finished_.async_wait(net::redirect_error(net::use_awaitable, woken));
    co_return self->failure_.empty() ? 0 : 1;
}

void cluster_core::start()
{
    if (stage_ != stage::before)
        return; // stopped before it began
    stage_ = stage::serving;
    if (::syscall(SYS_gettid) != ::getpid())
        return stop_now("the master must run on the program's main thread: run its loop there");
    watch_door();
    conductor_->start();
}

void cluster_core::watch_door()
{
    if (settings_.dispatch != dispatch_policy::shared)
        return;
    std::vector<shared_handle> sockets;
    for (auto const& each : listeners_)
        sockets.push_back(each.socket_for(0));
    door_ = std::make_shared<door_watch>(executor_, std::move(sockets), conductor_->turns());
    door_->start();
}

void cluster_core::leave_door()
{
    if (door_)
        door_->stop();
    listeners_.clear();
}

void cluster_core::stop()
{
    stop(settings_.drain_deadline);
}

void cluster_core::stop(std::chrono::milliseconds deadline)
{
    auto const until = clock::now() + deadline;
    drain_until_ = is_stopping() ? std::min(drain_until_, until) : until;
    if (stage_ == stage::stopping)
        return conductor_->stop(left());
    if (is_stopping())
        return;
    stage_ = stage::handing_over;
    log::info(fmt::format("stopping; workers have {} ms", deadline.count()));
    if (services_)
        services_->stopping();
    dispatcher_->stop_accepting();
    if (!master_accepts(settings_.dispatch)) // what waits for workers that are to go
        for (std::uint32_t i = 0; i < listeners_.size(); ++i)
            for (auto const& socket : listeners_[i].sockets())
                dispatcher_->sweep(i, socket, listeners_[i].address());
    leave_door(); // new clients are refused from here on
    hand_over_limit_.expires_after(std::min(hand_over_max, deadline));
    hand_over_limit_.async_wait([weak = weak_from_this()](boost::system::error_code failed) {
        if (auto const self = weak.lock(); !failed && self)
            self->drain();
    });
    drain_when_handed_over();
}

void cluster_core::drain_when_handed_over()
{
    if (stage_ == stage::handing_over && dispatcher_->waiting() == 0)
        drain();
}

void cluster_core::drain()
{
    if (stage_ != stage::handing_over)
        return;
    stage_ = stage::stopping;
    hand_over_limit_.cancel();
    dispatcher_->give_up();
    conductor_->stop(left());
}

// Of the deadline. Rounded up: nobody is killed before its time.
std::chrono::milliseconds cluster_core::left() const
{
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(drain_until_ - clock::now()), 0ms);
}

void cluster_core::stop_now(std::string failure)
{
    if (stage_ == stage::over)
        return;
    stage_ = stage::stopping;
    hand_over_limit_.cancel();
    dispatcher_->give_up();
    leave_door();
    conductor_->stop_now(std::move(failure));
}

void cluster_core::abandon()
{
    if (stage_ != stage::over && failure_.empty())
        failure_ = "the master was destroyed while it ran";
    end();
    hand_over_limit_.cancel();
    dispatcher_->give_up();
    conductor_->abandon();
    leave_door();
}

void cluster_core::end()
{
    stage_ = stage::over;
    signals_.reset();
    services_.reset();
    orphans_.reset();
    if (auto const control = std::exchange(control_, nullptr))
        control->close();
    finished_.cancel();
}

// ---- what the process hears ----

void cluster_core::on_ready(std::function<void(std::vector<std::string> const&)> call)
{
    announce_ = std::move(call);
}

void cluster_core::take_orphans()
{
    orphans_ =
        orphans::reaped(executor_, [of = conductor_](std::int64_t pid) { return of->owns(pid); });
}

void cluster_core::open_control()
{
    if (settings_.control == "off")
        return;
    try {
        control_ = std::make_shared<control_desk>(executor_, settings_.control, *this);
        control_->open();
    } catch (start_error const& failed) {
        if (!settings_.control.empty())
            throw; // somebody asked for this very place
        log::warning(failed.what());
    }
}

void cluster_core::take_service_manager()
{
    services_.emplace(executor_);
    if (!services_->is_there())
        return services_.reset();
    auto& handlers = conductor_->board().handlers();
    auto const when = [&](event_kind kind, auto tell) {
        handlers.add(kind, [weak = weak_from_this(), tell](event const&) {
            if (auto const self = weak.lock(); self && self->services_ && !self->is_stopping())
                tell(*self);
        });
    };
    when(event_kind::reload_started, [](auto& self) { self.services_->reloading(); });
    for (auto const kind : {event_kind::reload_done, event_kind::reload_failed})
        when(kind, [](auto& self) { self.services_->ready(self.status_line()); });
    for (auto const kind : {event_kind::ready, event_kind::exit, event_kind::giveup})
        when(kind, [](auto& self) { self.services_->status(self.status_line()); });
}

std::string cluster_core::status_line() const
{
    auto const& now = conductor_->decided();
    return fmt::format("{} of {} workers ready, generation {}{}", now.ready_seats(), now.seats(),
                       now.generation(), now.has_given_up() ? "; restarts given up" : "");
}

void cluster_core::take_signals()
{
    had_terminal_ = has_terminal();
    signals_.emplace(executor_, [this](int number) {
        bool const here = has_terminal();
        auto const wish = signal_reader_.read(clock::now(), number,
                                              {is_stopping(), here, had_terminal_ && !here});
        if (!wish)
            return;
        log::info(fmt::format("{} received", signal_name(number)));
        grant(*wish);
    });
}

void cluster_core::grant(signal_wish wish)
{
    auto const seats = conductor_->decided().seats();
    switch (wish) {
    case signal_wish::stop:
        return stop();
    case signal_wish::stop_fast:
        return stop(0ms);
    case signal_wish::stop_now:
        return stop_now();
    case signal_wish::reload:
        return conductor_->reload();
    case signal_wish::reopen_log:
        return log::reopen();
    case signal_wish::upgrade:
        return log::warning("there is no upgrade of the master yet; SIGHUP starts workers from the "
                            "program's file as it is now");
    case signal_wish::one_more:
        return conductor_->scale(seats + 1);
    case signal_wish::one_less:
        return conductor_->scale(std::max(seats, 2U) - 1);
    case signal_wish::drain_or_go:
        return std::exchange(drained_, !drained_) ? conductor_->scale(seats)
                                                  : conductor_->drain_workers();
    }
}

// ---- what the conductor asks and tells ----

std::vector<introduced_listener> cluster_core::listeners_of(std::uint32_t seat)
{
    for (auto& one : listeners_)
        one.grow(seat + 1);
    attend_sockets();
    std::vector<introduced_listener> out;
    for (std::uint32_t i = 0; i < addresses_.size(); ++i) {
        out.push_back({addresses_[i], nullptr});
        if (!master_accepts(settings_.dispatch) && i < listeners_.size())
            out.back().socket = listeners_[i].socket_for(seat);
    }
    return out;
}

void cluster_core::on_seats_changed()
{
    attend_sockets();
    dispatcher_->pump();
}

// New connections go to seats that are served. What waits in a socket whose worker is being started
// waits for it; a socket whose seat has none to come is this process's, and what waits there goes
// to the siblings.
void cluster_core::attend_sockets()
{
    if (settings_.dispatch != dispatch_policy::reuseport || is_stopping())
        return;
    auto const& now = conductor_->decided();
    for (std::uint32_t i = 0; i < listeners_.size(); ++i) {
        auto& one = listeners_[i];
        std::vector<bool> served(one.sockets().size());
        std::vector<bool> staffed(one.sockets().size());
        for (std::uint32_t seat = 0; seat < settings_.workers_max; ++seat) {
            auto const at = one.index_for(seat);
            served[at] = served[at] || now.is_served(seat);
            staffed[at] = staffed[at] || now.is_staffed(seat);
        }
        one.steer(served);
        for (std::size_t at = 0; at < staffed.size(); ++at)
            if (staffed[at])
                dispatcher_->drop(one.sockets()[at]);
            else
                dispatcher_->add(i, one.sockets()[at], one.address());
    }
}

void cluster_core::on_room()
{
    dispatcher_->room();
    drain_when_handed_over();
}

void cluster_core::on_returned(std::vector<passed_connection> connections)
{
    dispatcher_->take_back(std::move(connections));
    drain_when_handed_over();
}

void cluster_core::on_announced()
{
    if (services_) {
        services_->ready(status_line());
        services_->feed();
    }
    if (announce_)
        net::post(executor_, [weak = weak_from_this()] {
            if (auto const self = weak.lock(); self && !self->is_stopping())
                self->announce_(self->addresses_);
        });
}

void cluster_core::on_finished(std::string failure)
{
    if (failure_.empty())
        failure_ = std::move(failure);
    end();
}

} // namespace covey::supervision
