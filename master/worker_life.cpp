#include "worker_life.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <covey/protocol/version.hpp>
#include <fmt/format.h>
#include <iterator>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace covey::supervision {

namespace {

using namespace std::chrono_literals;

// Changes are dropped above this many queued bytes, half of what a channel holds: orders and
// connections always find room.
constexpr std::size_t relay_bytes_max = protocol::channel_limits{}.queued_bytes_max / 2;

// After the process has ended only a grandchild can hold the channel open, and nobody waits for
// that; but what the worker has said may take a busy master longer to read.
constexpr auto last_word = 100ms;
constexpr int last_words_max = 20;

// Why a channel has ended.
shm::bad_frame meaning_of(boost::system::error_code reason)
{
    using protocol::error;
    using shm::bad_frame;
    return reason == error::bad_frame         ? bad_frame::header
           : reason == error::unknown_message ? bad_frame::unknown_message
           : reason == error::bad_message     ? bad_frame::bad_message
           : reason == error::wrong_handles   ? bad_frame::wrong_handles
                                              : bad_frame::other;
}

} // namespace

worker_life::worker_life(net::any_io_executor executor, std::uint32_t seat)
    : executor_{executor}
    , last_word_{executor}
    , messenger_{executor, carrier()}
{
    who_.seat = seat;
}

// Not by shared_from_this: the messenger is a part, and goes first.
messenger::carrier worker_life::carrier()
{
    return {[this](protocol::talk const& said, std::vector<shared_handle> handles) {
                return send(said, std::move(handles));
            },
            [this](messenger::drained_handler done) {
                drain_waiters_.push_back(std::move(done));
                when_drained();
            }};
}

void worker_life::start(life_identity const& who, worker_program program, introduction first,
                        bool captured, life_owner& owner)
{
    who_ = who;
    started_ = true;
    auto ends = protocol::make_socket_pair();
    auto const self = weak_from_this();
    handle written; // open until the worker has its own copy
    if (captured && !program.standard[2]) {
        auto pipe = captured_output::make_pipe();
        output_ = std::make_shared<captured_output>(executor_, std::move(pipe.first), [self] {
            if (auto const alive = self.lock()) {
                alive->output_open_ = false;
                alive->close_when_over();
            }
        });
        program.standard[2] = share(std::move(pipe.second));
    }
    channel_.emplace(executor_, std::move(ends.first));
    process_.emplace(executor_, program, ends.second); // throws when it cannot fork

    owner_ = &owner;
    first_ = std::move(first);
    channel_open_ = process_alive_ = true;
    messenger_.on_message([self](message said) {
        if (auto const alive = self.lock(); alive && alive->owner_ != nullptr)
            alive->owner_->on_message(*alive, std::move(said));
    });
    process_->async_exit(
        [keep = shared_from_this()](boost::system::error_code failed, exit_status status) {
            if (!failed)
                keep->process_ended(status);
        });
    if (output_) {
        output_open_ = true;
        output_->start();
    }
    receive();
}

// ---- orders ----

// In their order, whatever the channel can hold: before hello, or when it is full, they wait here.
// A worker that never reads is the supervisor's business. The talk that can wait is bounded by the
// messenger's window.
send_status worker_life::send(protocol::from_master message, std::vector<shared_handle> handles)
{
    if (started_ && !channel_open_)
        return send_status::closed;
    waiting_.emplace_back(std::move(message), std::move(handles));
    if (said_hello_ && !send_waiting())
        return send_status::closed;
    return waiting_.empty() ? send_status::sent : send_status::queued;
}

// False when nothing more can be sent.
bool worker_life::send_waiting()
{
    for (; !waiting_.empty(); waiting_.pop_front()) {
        auto const& [message, handles] = waiting_.front();
        switch (channel_->send(message, handles)) {
        case send_status::would_block:
            when_drained();
            return true;
        case send_status::closed:
            waiting_.clear();
            unheard();
            return false;
        default:
            owner_->counts().sent(message);
            break;
        }
    }
    return true;
}

// It takes nothing more, and what it has said before is still to be read. A channel that has ended
// is about to say so; who has closed one half of it alone cannot be told anything, not even to
// leave.
void worker_life::unheard()
{
    if (!channel_open_ || !process_alive_ || std::exchange(is_unheard_, true))
        return;
    last_word_.expires_after(last_word);
    last_word_.async_wait([self = shared_from_this()](boost::system::error_code failed) {
        if (!failed && self->channel_open_ && self->owner_ != nullptr)
            self->owner_->on_broken(*self, "broke the protocol: it reads no more");
    });
}

send_status worker_life::say(datum const& body, std::vector<passed_handle> handles)
{
    if (parting_ || (started_ && !channel_open_))
        return send_status::closed;
    auto const status = messenger_.send(body, std::move(handles));
    if (status == send_status::would_block && !std::exchange(refused_word_, true))
        messenger_.async_drained([self = weak_from_this()](boost::system::error_code failed) {
            auto const alive = self.lock();
            if (failed || !alive)
                return;
            alive->refused_word_ = false;
            if (alive->owner_ != nullptr)
                alive->owner_->on_drained(*alive);
        });
    return status;
}

void worker_life::answer_requests()
{
    messenger_.on_request([self = weak_from_this()](message said) -> net::awaitable<datum> {
        auto const alive = self.lock();
        if (!alive || alive->owner_ == nullptr)
            throw std::runtime_error{"the master is going"};
        co_return co_await alive->owner_->on_request(*alive, std::move(said));
    });
}

void worker_life::stop(protocol::stop const& order)
{
    if (channel_open_)
        send_connections(); // they were its before it was told
    send(order);
}

bool worker_life::signal(int number) const noexcept
{
    return process_alive_ && process_->signal(number);
}

void worker_life::disconnect()
{
    if (std::exchange(parting_, true))
        return;
    messenger_.async_flushed([self = weak_from_this()](boost::system::error_code) {
        if (auto const alive = self.lock()) {
            alive->flushed_ = true;
            alive->part_when_done();
        }
    });
}

// A connection whose acknowledgement were not heard would be served twice.
void worker_life::part_when_done()
{
    if (flushed_ && channel_open_ && said_hello_ && handover_.size() == 0)
        when_drained();
}

void worker_life::abandon() noexcept
{
    owner_ = nullptr;
    last_word_.cancel();
    if (output_)
        output_->close();
    if (channel_)
        channel_->close();
    messenger_.end(net::error::operation_aborted);
    channel_open_ = process_alive_ = output_open_ = false;
    if (process_)
        process_->end();
}

void worker_life::let_go_of_output()
{
    if (!output_open_)
        return;
    output_->catch_up();
    output_->close();
    output_open_ = false;
    close_when_over();
}

bool worker_life::pass(passed_connection& connection)
{
    if (!takes_connections())
        return false;
    handover_.add(std::move(connection));
    if (!std::exchange(sending_connections_, true))
        net::post(executor_, [self = shared_from_this()] {
            self->sending_connections_ = false;
            if (self->channel_open_)
                self->send_connections();
        });
    return true;
}

// What does not leave stays in the handover: it leaves when the channel has drained, or goes back
// when the channel has ended.
void worker_life::send_connections()
{
    while (auto parcel = full_ ? std::nullopt : handover_.next()) {
        switch (channel_->send(parcel->message, parcel->handles)) {
        case send_status::sent:
        case send_status::queued:
            handover_.left(*parcel);
            owner_->counts().sent(parcel->message);
            break;
        case send_status::would_block:
            full_ = true;
            return when_drained();
        default:
            return unheard();
        }
    }
}

bool worker_life::relay(protocol::change const& change)
{
    if (!watches_changes_ || !is_connected())
        return true;
    if (channel_->queued_bytes() >= relay_bytes_max)
        return false;
    auto const status = channel_->send(change);
    if (status == send_status::closed)
        unheard();
    else if (status != send_status::would_block)
        owner_->counts().sent(change);
    return status != send_status::would_block;
}

void worker_life::when_drained()
{
    if (!said_hello_ || !channel_open_ || std::exchange(waits_for_drain_, true))
        return;
    channel_->async_drained([self = shared_from_this()](boost::system::error_code failed) {
        self->waits_for_drain_ = false;
        if (self->owner_ == nullptr)
            return;
        failed ? self->unheard() : self->drained();
    });
}

void worker_life::drained()
{
    send_waiting();
    if (!waiting_.empty())
        return;
    if (flushed_ && handover_.size() == 0)
        return channel_->close(); // which completes the receive that is outstanding
    for (auto& waiter : std::exchange(drain_waiters_, {}))
        std::move(waiter)(boost::system::error_code{});
    if (!std::exchange(full_, false))
        return;
    send_connections();
    owner_->on_room(*this);
}

// ---- looks ----

std::int64_t worker_life::pid() const
{
    return process_alive_ ? process_->pid() : 0;
}

worker_state worker_life::state() const
{
    if (!started_)
        return worker_state::none;
    return owner_ != nullptr ? owner_->state_of(who_.id) : worker_state::dead;
}

bool worker_life::is_connected() const
{
    return channel_open_ && !parting_ && channel_->is_open();
}

bool worker_life::left_by_wish() const
{
    return left_by_wish_ || (owner_ != nullptr && owner_->is_leaving_by_wish(who_.id));
}

std::string worker_life::last_words() const
{
    return output_ ? output_->last_words() : std::string{};
}

// ---- what the worker says ----

void worker_life::receive()
{
    channel_->async_receive(
        [self = shared_from_this()](boost::system::error_code failed,
                                    protocol::envelope<protocol::from_worker> in) {
            if (self->owner_ == nullptr)
                return;
            if (failed && failed != protocol::error::handles_lost)
                return self->channel_ended(failed);
            self->heard_lately_ = true;
            self->owner_->counts().heard(in.message);
            self->hear(std::move(in));
            if (self->owner_ != nullptr)
                self->receive();
        });
}

void worker_life::hear(protocol::envelope<protocol::from_worker> in)
{
    if (!said_hello_ && !std::holds_alternative<protocol::hello>(in.message))
        return broken(shm::bad_frame::out_of_place, "it did not say hello first");
    std::visit(
        [&]<class Said>(Said& said) {
            if constexpr (std::is_same_v<Said, protocol::talk>)
                messenger_.hear(std::move(said), std::move(in.handles));
            else
                heard(said);
        },
        in.message);
}

void worker_life::broken(shm::bad_frame why, std::string const& what)
{
    owner_->counts().heard_bad(why);
    owner_->on_broken(*this, "broke the protocol: " + what);
}

void worker_life::heard(protocol::hello const& said)
{
    if (std::exchange(said_hello_, true))
        return broken(shm::bad_frame::out_of_place, "it said hello twice");
    if (said.version != protocol::version) {
        owner_->counts().heard_bad(shm::bad_frame::wrong_version);
        return owner_->on_broken(
            *this,
            fmt::format("speaks protocol version {}, this master speaks {}; start the cluster "
                        "again with one program",
                        said.version, protocol::version));
    }
    auto first = std::exchange(first_, {});
    waiting_.insert(waiting_.begin(), std::make_move_iterator(first.begin()),
                    std::make_move_iterator(first.end()));
    send_waiting();
    owner_->on_online(*this);
    if (!drain_waiters_.empty())
        when_drained();
    part_when_done();
}

void worker_life::heard(protocol::accepted const& said)
{
    auto const taken = handover_.accepted(said.ticket);
    if (taken == 0)
        return broken(shm::bad_frame::out_of_place, "it accepted what it was not given");
    owner_->counts().handed_over(shm::handoff::accepted, taken);
    part_when_done();
    owner_->on_room(*this);
}

void worker_life::heard(protocol::rejected const& said)
{
    auto connection = handover_.rejected(said.ticket);
    if (!connection)
        return broken(shm::bad_frame::out_of_place, "it rejected what it was not given");
    owner_->counts().handed_over(shm::handoff::rejected, 1);
    part_when_done();
    owner_->on_rejected(*this, std::move(*connection));
}

void worker_life::heard(protocol::watch_changes const&)
{
    watches_changes_ = true;
}

template <class Fact>
void worker_life::heard(Fact const& said)
{
    owner_->on_said(*this, said);
}

// ---- the end ----

void worker_life::channel_ended(boost::system::error_code reason)
{
    channel_open_ = false;
    channel_->close();
    waiting_.clear();
    messenger_.end(reason);
    messenger_.give_heard(); // before anybody hears that it is over
    for (auto& waiter : std::exchange(drain_waiters_, {}))
        std::move(waiter)(reason);
    if (reason != protocol::error::closed && reason != protocol::error::truncated)
        broken(meaning_of(reason), reason.message());
    if (owner_ != nullptr)
        owner_->on_disconnected(*this);
    close_when_over();
}

void worker_life::process_ended(exit_status const& status)
{
    if (owner_ == nullptr)
        return;
    process_alive_ = false;
    if (output_)
        output_->catch_up();
    wait_for_last_word(last_words_max);
    owner_->on_exited(*this, status);
    close_when_over();
}

void worker_life::wait_for_last_word(int times)
{
    heard_lately_ = false;
    last_word_.expires_after(last_word);
    last_word_.async_wait([self = shared_from_this(), times](boost::system::error_code failed) {
        if (failed || !self->channel_open_)
            return;
        if (self->heard_lately_ && times > 0)
            return self->wait_for_last_word(times - 1);
        self->channel_->close();
    });
}

void worker_life::close_when_over()
{
    if (owner_ == nullptr || process_alive_ || channel_open_ || output_open_)
        return;
    last_word_.cancel();
    // From the loop: one of the parts that go may be what called.
    net::post(executor_, [self = shared_from_this()] {
        if (auto* const owner = std::exchange(self->owner_, nullptr)) {
            owner->on_closed(*self);
            self->channel_.reset();
            self->process_.reset();
            self->output_.reset();
        }
    });
}

} // namespace covey::supervision
