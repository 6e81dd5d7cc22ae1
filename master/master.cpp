#include "master.hpp"

#include "child_process.hpp"
#include "dispatcher.hpp"
#include "listener.hpp"
#include "start_error.hpp"
#include "stop_signals.hpp"
#include "worker_seat.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <covey/protocol/codec.hpp>
#include <covey/protocol/log.hpp>
#include <covey/protocol/version.hpp>
#include <covey/shm/segment.hpp>
#include <csignal>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace covey {

using namespace supervision;
using namespace std::chrono_literals;

namespace {

// How long a stop waits for room in workers for the connections that are accepted already.
constexpr std::chrono::milliseconds hand_over_max = 1s;

// timeout(1) signals a process and then its group: two signals that come together are one wish.
constexpr std::chrono::milliseconds one_wish = 5ms;

options checked(options settings)
{
    if (auto wrong = settings.validate(); !wrong.empty())
        throw start_error{
            boost::system::errc::make_error_code(boost::system::errc::invalid_argument), wrong};
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
    return policy == dispatch_policy::round_robin || policy == dispatch_policy::least_loaded;
}

std::vector<listener> bind_all(options const& settings)
{
    std::uint32_t const sockets =
        settings.dispatch == dispatch_policy::reuseport ? settings.workers : 1;
    std::vector<listener> out;
    for (auto const& address : settings.listen)
        out.emplace_back(address, sockets);
    return out;
}

std::string first_line(std::string const& text)
{
    return text.substr(0, text.find('\n'));
}

} // namespace

// The parts and the order of things. Stages only move forward:
//   starting -> serving -> handing_over -> draining -> over
struct master::core final : seat_events, std::enable_shared_from_this<master::core>
{
    enum class stage { starting, serving, handing_over, draining, over };

    core(net::any_io_executor executor, options settings, schema described, worker_program program)
        : executor_{executor}
        , settings_{checked(std::move(settings))}
        , program_{located(std::move(program))}
        , finished_{executor, net::steady_timer::time_point::max()}
        , hand_over_limit_{executor}
    {
        settings_.workers = settings_.worker_count(); // from here on a number, never "auto"
        listeners_ = bind_all(settings_);
        for (auto const& one : listeners_)
            addresses_.push_back(one.address());
        segment_.emplace(segment::create(described, settings_.workers, settings_.name));
        bells_ = std::make_shared<doorbells const>(doorbells::make(settings_.workers));
        ready_once_.resize(settings_.workers);
        make_seats();
        make_dispatcher();
    }

    void make_seats()
    {
        seat_plan const plan{program_, settings_.ready_timeout, settings_.kill_after, {}};
        for (std::uint32_t seat = 0; seat < settings_.workers; ++seat)
            seats_.push_back(std::make_shared<worker_seat>(executor_, seat, plan, *this));
    }

    void make_dispatcher()
    {
        dispatcher_.emplace(
            executor_, settings_.dispatch, settings_.workers,
            dispatcher::seats{
                .look =
                    [this](std::span<seat_view> views) {
                        for (std::uint32_t i = 0; i < views.size(); ++i)
                            views[i] = seats_[i]->view(segment_->load_of(i).connections);
                    },
                .pass = [this](std::uint32_t seat,
                               passed_connection& one) { return seats_[seat]->pass(one); }});
        if (!master_accepts(settings_.dispatch))
            return;
        for (std::uint32_t i = 0; i < listeners_.size(); ++i)
            dispatcher_->add(i, listeners_[i].socket_for(0), listeners_[i].address());
    }

    // ---- from start to end
    // -----------------------------------------------------------------------

    static net::awaitable<int> run(std::shared_ptr<core> self)
    {
        self->start();
        boost::system::error_code woken;
        while (self->stage_ != stage::over)
            co_await self->finished_.async_wait(net::redirect_error(net::use_awaitable, woken));
        co_return self->failure_.empty() ? 0 : 1;
    }

    void start()
    {
        if (stage_ != stage::starting)
            return finish_if_over(); // stopped before it began
        if (::syscall(SYS_gettid) != ::getpid())
            return fail("the master must run on the program's main thread: run its loop there");
        for (auto const& seat : seats_)
            seat->start();
    }

    void stop()
    {
        if (stage_ != stage::starting && stage_ != stage::serving)
            return;
        stage_ = stage::handing_over;
        log::info(fmt::format("stopping; workers have {} ms", settings_.drain_deadline.count()));
        drain_until_ = clock::now() + settings_.drain_deadline;
        dispatcher_->stop_accepting();
        listeners_.clear(); // new clients are refused from here on
        hand_over_limit_.expires_after(std::min(hand_over_max, settings_.drain_deadline));
        hand_over_limit_.async_wait([weak = weak_from_this()](boost::system::error_code failed) {
            if (auto const self = weak.lock(); !failed && self)
                self->drain();
        });
        drain_when_handed_over();
    }

    void drain_when_handed_over()
    {
        if (stage_ == stage::handing_over && dispatcher_->waiting() == 0)
            drain();
    }

    void drain()
    {
        if (stage_ != stage::handing_over)
            return;
        stage_ = stage::draining;
        hand_over_limit_.cancel();
        dispatcher_->give_up();
        auto const left =
            std::chrono::duration_cast<std::chrono::milliseconds>(drain_until_ - clock::now());
        for (auto const& seat : seats_)
            seat->stop(std::max(left, 0ms));
        finish_if_over();
    }

    void stop_now()
    {
        if (stage_ == stage::over)
            return;
        stage_ = stage::draining;
        hand_over_limit_.cancel();
        dispatcher_->give_up();
        listeners_.clear();
        for (auto const& seat : seats_)
            seat->kill();
        finish_if_over();
    }

    // The cluster cannot run: one line, and everything stops.
    void fail(std::string reason)
    {
        if (failure_.empty())
            failure_ = std::move(reason);
        stop_now();
    }

    void finish_if_over()
    {
        if (stage_ != stage::draining ||
            !std::all_of(seats_.begin(), seats_.end(),
                         [](auto const& one) { return one->is_over(); }))
            return;
        stage_ = stage::over;
        signals_.reset();
        finished_.cancel();
    }

    // The master object goes, whatever the stage.
    void abandon()
    {
        if (stage_ != stage::over && failure_.empty())
            failure_ = "the master was destroyed while it ran";
        stage_ = stage::over;
        signals_.reset();
        hand_over_limit_.cancel();
        dispatcher_->give_up();
        for (auto const& seat : seats_)
            seat->abandon();
        listeners_.clear();
        finished_.cancel();
    }

    void take_signals()
    {
        signals_.emplace(executor_, [this](int signal) {
            if (clock::now() - std::exchange(signalled_at_, clock::now()) < one_wish)
                return;
            log::info(fmt::format("{} received", signal == SIGINT ? "SIGINT" : "SIGTERM"));
            stage_ == stage::starting || stage_ == stage::serving ? stop() : stop_now();
        });
    }

    // ---- what seats ask and tell
    // -----------------------------------------------------------------

    introduction introduce(std::uint32_t seat, std::uint64_t id, std::int64_t pid) override
    {
        segment_->open_block(seat, {pid, id, 0, seat});
        introduction out;
        protocol::welcome who;
        who.version = protocol::version;
        who.id = id;
        who.seat = seat;
        who.block = seat;
        who.blocks = settings_.workers;
        who.name = settings_.name;
        who.log_level = settings_.log_level;
        who.log_format = settings_.log_format;
        who.busy_poll_us = static_cast<std::uint64_t>(settings_.busy_poll.count());
        who.drain_deadline_ms = static_cast<std::uint64_t>(settings_.drain_deadline.count());
        out.emplace_back(std::move(who), std::vector{share(segment_->lend())});

        for (std::uint32_t first = 0; first < bells_->size(); first += protocol::handles_max) {
            auto const last = std::min<std::size_t>(bells_->size(), first + protocol::handles_max);
            std::vector<shared_handle> batch;
            for (std::size_t i = first; i < last; ++i)
                batch.emplace_back(bells_, &bells_->handles()[i]);
            out.emplace_back(protocol::doorbells{first}, std::move(batch));
        }
        for (std::uint32_t i = 0; i < addresses_.size(); ++i) {
            std::vector<shared_handle> socket;
            if (!master_accepts(settings_.dispatch))
                socket.push_back(listeners_[i].socket_for(seat));
            out.emplace_back(protocol::listener{i, addresses_[i]}, std::move(socket));
        }
        out.emplace_back(protocol::begin{static_cast<std::uint32_t>(addresses_.size())},
                         std::vector<shared_handle>{});
        return out;
    }

    std::uint64_t next_id() override { return ++last_id_; }

    void on_ready(std::uint32_t seat) override
    {
        ready_once_[seat] = true;
        if (stage_ == stage::starting &&
            std::all_of(ready_once_.begin(), ready_once_.end(), [](bool one) { return one; })) {
            stage_ = stage::serving;
            if (announce_)
                net::post(executor_, [self = shared_from_this()] {
                    if (self->stage_ == stage::serving)
                        self->announce_(self->addresses_);
                });
        }
        on_room();
    }

    void on_room() override
    {
        dispatcher_->room();
        drain_when_handed_over();
    }

    void on_returned(std::vector<passed_connection> connections) override
    {
        dispatcher_->take_back(std::move(connections));
        drain_when_handed_over();
    }

    void on_change(std::uint32_t seat, protocol::change const& change) override
    {
        for (std::uint32_t i = 0; i < seats_.size(); ++i)
            if (i != seat)
                seats_[i]->relay(change);
    }

    bool reap(std::uint32_t seat) override { return segment_->reap_block(seat, *bells_); }

    void on_gone(std::uint32_t seat, life_report const& report, bool for_good) override
    {
        // Before everybody has been ready once, what cannot work is told rather than tried again.
        if (stage_ == stage::starting && (for_good || report.status.not_executed))
            return fail(fmt::format("worker {} could not start: {}", seat,
                                    report.reason.empty() ? report.status.text()
                                                          : first_line(report.reason)));
        if (for_good && stage_ == stage::serving) {
            for (auto& one : listeners_)
                one.close_seat(seat);
            if (std::all_of(seats_.begin(), seats_.end(),
                            [](auto const& one) { return one->is_over(); }))
                return fail("no worker is left: every one said that starting it again cannot help");
        }
        dispatcher_->pump(); // there may be no room any more
        finish_if_over();
    }

    using clock = std::chrono::steady_clock;

    net::any_io_executor executor_;
    options settings_;
    worker_program program_;
    stage stage_ = stage::starting;
    std::string failure_;
    std::function<void(std::vector<std::string> const&)> announce_;

    std::vector<listener> listeners_; // empty once the cluster stops
    std::vector<std::string> addresses_;
    std::optional<segment> segment_;
    std::shared_ptr<doorbells const> bells_;
    std::vector<std::shared_ptr<worker_seat>> seats_;
    std::optional<dispatcher> dispatcher_;
    std::optional<stop_signals> signals_;

    std::uint64_t last_id_ = 0;
    std::vector<bool> ready_once_;
    clock::time_point drain_until_{};
    clock::time_point signalled_at_{};
    net::steady_timer finished_;
    net::steady_timer hand_over_limit_;
};

std::string_view name(worker_state state)
{
    switch (state) {
    case worker_state::starting:
        return "starting";
    case worker_state::ready:
        return "ready";
    case worker_state::draining:
        return "draining";
    case worker_state::gone:
        return "gone";
    }
    return "unknown";
}

master::master(net::any_io_executor executor, options settings, schema described,
               worker_program program)
    : core_{std::make_shared<core>(std::move(executor), std::move(settings), std::move(described),
                                   std::move(program))}
{}

master::~master()
{
    core_->abandon();
}

void master::on_ready(std::function<void(std::vector<std::string> const&)> call)
{
    core_->announce_ = std::move(call);
}

void master::take_signals()
{
    core_->take_signals();
}

net::awaitable<int> master::run()
{
    return core::run(core_);
}

void master::stop()
{
    core_->stop();
}

void master::stop_now()
{
    core_->stop_now();
}

std::string const& master::failure() const
{
    return core_->failure_;
}

std::vector<std::string> const& master::addresses() const
{
    return core_->addresses_;
}

std::vector<worker_status> master::workers() const
{
    std::vector<worker_status> out;
    for (auto const& seat : core_->seats_)
        out.push_back(seat->status());
    return out;
}

} // namespace covey
