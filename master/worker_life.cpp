#include "worker_life.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <covey/protocol/log.hpp>
#include <covey/protocol/version.hpp>
#include <csignal>
#include <fmt/format.h>

namespace covey::supervision {

namespace {

using namespace std::chrono_literals;

// Changes are dropped above this many queued bytes, half of what a channel holds: orders and
// connections always find room.
constexpr std::size_t relay_bytes_max = protocol::channel_limits{}.queued_bytes_max / 2;

// After the process has ended only a grandchild can hold the channel open; nobody waits for that.
constexpr auto last_word = 100ms;

constexpr std::size_t reason_bytes_max = 4096; // of a worker's refusal: it goes into the log

} // namespace

worker_life::worker_life(net::any_io_executor executor, life_plan plan, life_events& events)
    : worker_life{executor, std::move(plan), events, protocol::make_socket_pair()}
{}

worker_life::worker_life(net::any_io_executor executor, life_plan plan, life_events& events,
                         std::pair<handle, handle> ends)
    : plan_{std::move(plan)}
    , events_{&events}
    , channel_{executor, std::move(ends.first)}
    , process_{executor, plan_.program, ends.second}
    , timer_{executor}
{}

void worker_life::begin(introduction first)
{
    first_ = std::move(first);
    by(plan_.ready_timeout, &worker_life::not_ready_in_time);
    process_.async_exit(
        [self = shared_from_this()](boost::system::error_code failed, exit_status status) {
            if (!failed)
                self->process_ended(status);
        });
    receive();
}

// For what must arrive. A channel that is full of it belongs to a worker that does not read.
void worker_life::send(protocol::from_master const& message, std::vector<shared_handle> handles)
{
    auto const status = channel_.send(message, std::move(handles));
    if (status == protocol::send_status::would_block || status == protocol::send_status::invalid)
        kill("does not read its channel");
}

void worker_life::stop(std::chrono::milliseconds deadline)
{
    if (state_ != worker_state::starting && state_ != worker_state::ready)
        return;
    if (!said_hello_)
        return kill("was told to stop before it had begun");
    if (state_ == worker_state::starting)
        deadline = 0ms;
    send_connections(); // they were its before it was told
    state_ = worker_state::draining;
    send(protocol::stop{static_cast<std::uint64_t>(std::max(deadline, 0ms).count()), 0});
    by(deadline + plan_.kill_after, &worker_life::not_gone_in_time);
}

void worker_life::kill(std::string const& reason)
{
    if (report_.reason.empty())
        report_.reason = reason;
    if (state_ == worker_state::ready || state_ == worker_state::starting)
        state_ = worker_state::draining; // gets no connections any more
    process_.signal(SIGKILL);
}

void worker_life::abandon() noexcept
{
    events_ = nullptr;
    disarm();
    channel_.close();
    process_.end();
}

// ---- connections and changes
// ---------------------------------------------------------------------

bool worker_life::pass(passed_connection& connection)
{
    if (!is_open())
        return false;
    handover_.add(std::move(connection));
    if (!std::exchange(sending_connections_, true))
        net::post(channel_.get_executor(), [self = shared_from_this()] {
            self->sending_connections_ = false;
            self->send_connections();
        });
    return true;
}

// What does not leave stays in the handover: it leaves when the channel has drained, or goes back
// when the channel has ended.
void worker_life::send_connections()
{
    while (auto parcel = full_ ? std::nullopt : handover_.next()) {
        switch (channel_.send(parcel->message, parcel->handles)) {
        case protocol::send_status::sent:
        case protocol::send_status::queued:
            handover_.left(*parcel);
            break;
        case protocol::send_status::would_block:
            full_ = true;
            return wait_for_drain();
        default: // closed: its end is being noticed
            return;
        }
    }
}

void worker_life::wait_for_drain()
{
    channel_.async_drained([self = shared_from_this()](boost::system::error_code failed) {
        self->full_ = false;
        if (failed || self->events_ == nullptr)
            return;
        self->send_connections();
        self->events_->on_room();
    });
}

bool worker_life::relay(protocol::change const& change)
{
    if (!watches_changes_ || !channel_.is_open())
        return true;
    return channel_.queued_bytes() < relay_bytes_max &&
           channel_.send(change) != protocol::send_status::would_block;
}

// ---- what the worker says
// ------------------------------------------------------------------------

void worker_life::receive()
{
    channel_.async_receive(
        [self = shared_from_this()](boost::system::error_code failed,
                                    protocol::envelope<protocol::from_worker> in) {
            if (self->events_ == nullptr)
                return;
            if (failed)
                return self->channel_ended(failed);
            self->hear(in.message);
            if (self->events_ != nullptr)
                self->receive();
        });
}

void worker_life::hear(protocol::from_worker const& message)
{
    if (!said_hello_ && !std::holds_alternative<protocol::hello>(message))
        return kill("broke the protocol: it did not say hello first");
    std::visit([this](auto const& said) { heard(said); }, message);
}

void worker_life::heard(protocol::hello const& said)
{
    if (std::exchange(said_hello_, true))
        return kill("broke the protocol: it said hello twice");
    if (said.version != protocol::version)
        return kill(
            fmt::format("speaks protocol version {}, this master speaks {}; start the cluster "
                        "again with one program",
                        said.version, protocol::version));
    for (auto& [message, handles] : std::exchange(first_, {}))
        send(message, std::move(handles));
}

void worker_life::heard(protocol::refused const& said)
{
    report_.refused = true;
    if (report_.reason.empty())
        report_.reason = said.reason.substr(0, reason_bytes_max);
}

void worker_life::heard(protocol::ready const&)
{
    if (std::exchange(report_.was_ready, true))
        return kill("broke the protocol: it said ready twice");
    ready_since_ = clock::now();
    if (state_ != worker_state::starting)
        return; // told to stop meanwhile
    state_ = worker_state::ready;
    disarm();
    events_->on_ready();
}

void worker_life::heard(protocol::accepted const& said)
{
    if (handover_.accepted(said.ticket) != 0)
        events_->on_room();
}

void worker_life::heard(protocol::rejected const& said)
{
    if (auto connection = handover_.rejected(said.ticket))
        events_->on_rejected(std::move(*connection));
}

void worker_life::heard(protocol::watch_changes const&)
{
    watches_changes_ = true;
}

void worker_life::heard(protocol::change const& said)
{
    events_->on_change(said);
}

// ---- the end
// -------------------------------------------------------------------------------------

void worker_life::channel_ended(boost::system::error_code reason)
{
    channel_open_ = false;
    channel_.close();
    // The peer's end goes away when a worker exits, and the exit code is still to come. A worker
    // that only closes its channel is one nobody can stop: it gets kill_after to be gone.
    if (reason == protocol::error::closed || reason == protocol::error::truncated) {
        state_ = worker_state::draining;
        by(plan_.kill_after, &worker_life::not_gone_in_time);
    } else {
        kill("broke the protocol: " + reason.message());
    }
    finish_if_over();
}

void worker_life::process_ended(exit_status status)
{
    if (events_ == nullptr)
        return;
    process_alive_ = false;
    state_ = worker_state::draining;
    report_.status = status;
    by(last_word, &worker_life::still_open_after_exit);
    finish_if_over();
}

void worker_life::finish_if_over()
{
    if (channel_open_ || process_alive_)
        return;
    state_ = worker_state::gone;
    disarm();
    if (report_.was_ready)
        report_.ready_for =
            std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - ready_since_);
    report_.unacknowledged = handover_.take_all();
    if (auto* const told = std::exchange(events_, nullptr))
        told->on_gone(std::move(report_));
}

// Calls `then` that long from now, unless something earlier has been set: a later stage of an end
// never gives a worker more time than an earlier one has promised.
void worker_life::by(std::chrono::milliseconds from_now, void (worker_life::*then)())
{
    auto const when = clock::now() + from_now;
    if (armed_ && timer_.expiry() <= when)
        return;
    disarm();
    armed_ = true;
    timer_.expires_at(when);
    timer_.async_wait(
        [self = shared_from_this(), use = timer_use_, then](boost::system::error_code failed) {
            if (failed || use != self->timer_use_)
                return;
            self->armed_ = false;
            (self.get()->*then)();
        });
}

void worker_life::disarm()
{
    armed_ = false;
    ++timer_use_;
    timer_.cancel();
}

void worker_life::not_ready_in_time()
{
    kill(fmt::format("was not ready within {} ms", plan_.ready_timeout.count()));
}

void worker_life::not_gone_in_time()
{
    kill("was not gone in time");
}

void worker_life::still_open_after_exit()
{
    channel_.close();
    channel_open_ = false;
    finish_if_over();
}

} // namespace covey::supervision
