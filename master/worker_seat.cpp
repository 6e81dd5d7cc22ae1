#include "worker_seat.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <covey/protocol/log.hpp>
#include <csignal>
#include <fmt/format.h>

namespace covey::supervision {

namespace {

using namespace std::chrono_literals;

constexpr auto reap_retry_min = 1ms;
constexpr auto reap_retry_max = 100ms;

// "exit code 3: <reason>", for the log.
std::string told(life_report const& report)
{
    auto text = report.status.text();
    if (!report.reason.empty())
        text += ": " + report.reason;
    else if (report.status.signal == SIGKILL)
        text += ": not by this master; out of memory?";
    return text;
}

} // namespace

worker_seat::worker_seat(net::any_io_executor executor, std::uint32_t seat, seat_plan plan,
                         seat_events& events)
    : executor_{executor}
    , seat_{seat}
    , plan_{std::move(plan)}
    , events_{&events}
    , timer_{executor}
    , history_{plan_.restart}
    , random_{std::random_device{}()}
{}

void worker_seat::start()
{
    id_ = events_->next_id();
    ++starts_;
    try {
        life_ = std::make_shared<worker_life>(
            executor_, life_plan{plan_.program, id_, plan_.ready_timeout, plan_.kill_after},
            static_cast<life_events&>(*this));
        life_->begin(events_->introduce(seat_, id_, life_->pid()));
        phase_ = phase::occupied;
        log::debug(fmt::format("seat {}: worker {} started (pid {})", seat_, id_, life_->pid()));
    } catch (boost::system::system_error const& failed) {
        if (auto const life = std::exchange(life_, nullptr))
            life->abandon();
        life_report report;
        report.status.not_executed = failed.code();
        report.reason = failed.what();
        phase_ = phase::settling;
        later(0ms, [this, report] { settle(report); });
    }
}

void worker_seat::stop(std::chrono::milliseconds deadline)
{
    ending_ = true;
    if (life_)
        life_->stop(deadline);
    else if (phase_ == phase::empty)
        timer_.cancel(); // none will be started
}

void worker_seat::kill()
{
    ending_ = true;
    if (life_)
        life_->kill("told to go at once");
    else if (phase_ == phase::empty)
        timer_.cancel();
}

void worker_seat::abandon() noexcept
{
    events_ = nullptr;
    timer_.cancel();
    if (auto const life = std::exchange(life_, nullptr))
        life->abandon();
}

bool worker_seat::pass(passed_connection& connection)
{
    return life_ && life_->pass(connection);
}

void worker_seat::relay(protocol::change const& change)
{
    if (!life_ || life_->relay(change))
        return;
    if (changes_dropped_++ == 0)
        log::warning(fmt::format("seat {}: the worker does not keep up with changes; some are not "
                                 "relayed to it",
                                 seat_));
}

seat_view worker_seat::view(std::uint32_t connections) const
{
    if (!life_)
        return {};
    return {life_->is_open(), life_->unacknowledged(), connections};
}

worker_status worker_seat::status() const
{
    worker_status out;
    out.seat = seat_;
    out.id = id_;
    out.starts = starts_;
    out.changes_dropped = changes_dropped_;
    if (life_) {
        out.state = life_->state();
        out.pid = life_->pid();
        out.unacknowledged = life_->unacknowledged();
    }
    return out;
}

// ---- what the worker's life tells
// ----------------------------------------------------------------

void worker_seat::on_ready()
{
    log::info(fmt::format("seat {}: worker {} is ready (pid {})", seat_, id_, life_->pid()));
    events_->on_ready(seat_);
}

void worker_seat::on_room()
{
    events_->on_room();
}

void worker_seat::on_rejected(passed_connection connection)
{
    connection.rejected_by = seat_;
    std::vector<passed_connection> one;
    one.push_back(std::move(connection));
    events_->on_returned(std::move(one));
}

void worker_seat::on_change(protocol::change const& change)
{
    events_->on_change(seat_, change);
}

void worker_seat::on_gone(life_report report)
{
    settle(std::move(report));
}

// ---- the one way out
// -----------------------------------------------------------------------------

void worker_seat::settle(life_report report)
{
    life_.reset();
    phase_ = phase::settling;
    bool const planned = ending_ && report.reason.empty() && report.status.exit_code() == 0;
    log::write(planned ? log::level::info : log::level::warning,
               fmt::format("seat {}: worker {} is gone: {}", seat_, id_, told(report)));
    if (!report.unacknowledged.empty())
        events_->on_returned(std::exchange(report.unacknowledged, {}));
    reap(std::make_shared<life_report>(std::move(report)), reap_retry_min);
}

// Another worker may be repairing what this one was writing just now: then ask again.
void worker_seat::reap(std::shared_ptr<life_report> report, std::chrono::milliseconds retry)
{
    if (events_->reap(seat_))
        return settled(*report);
    later(retry, [this, report, retry] { reap(report, std::min(retry * 2, reap_retry_max)); });
}

void worker_seat::settled(life_report const& report)
{
    phase_ = phase::empty;
    std::optional<std::chrono::milliseconds> wait;
    if (!ending_) {
        std::uniform_real_distribution<double> jitter{0.0, 1.0};
        wait = history_.after({report.was_ready, report.ready_for, report.status.exit_code()},
                              jitter(random_));
        if (!wait)
            log::error(fmt::format("seat {}: exit code {} says that starting a worker again cannot "
                                   "help; the seat stays empty until the cluster is restarted",
                                   seat_, report.status.code));
        else if (*wait > 0ms)
            log::warning(fmt::format("seat {}: {} failed starts in a row; the next in {} ms", seat_,
                                     history_.failures(), wait->count()));
    }
    ending_ = ending_ || !wait;
    events_->on_gone(seat_, report, ending_);
    if (!ending_ && events_ != nullptr)
        later(*wait, [this] {
            if (!ending_) // told to stop when the wait was over already
                start();
        });
}

// Always from the loop, so that no event reaches the master inside a call of its own.
void worker_seat::later(std::chrono::milliseconds wait, std::function<void()> then)
{
    timer_.expires_after(wait);
    timer_.async_wait(
        [weak = weak_from_this(), then = std::move(then)](boost::system::error_code failed) {
            auto const self = weak.lock();
            if (!failed && self && self->events_ != nullptr)
                then();
        });
}

} // namespace covey::supervision
