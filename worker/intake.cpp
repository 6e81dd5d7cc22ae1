#include "intake.hpp"

#include <utility>

namespace covey {

intake::intake(net::io_context& loop, http::server& to)
    : loop_{loop}
    , to_{to}
{}

intake::~intake() = default;

void intake::take_turns(participant& who)
{
    turn_.emplace(who);
}

void intake::listen(handle listening, std::string address)
{
    constexpr std::size_t one_a_wake = 1;
    auto const& added = loops_.emplace_back(std::make_shared<protocol::accept_loop>(
        loop_.get_executor(), share(std::move(listening)), std::move(address),
        [this](handle made, sockaddr_storage const&) { accepted(std::move(made)); }, one_a_wake));
    added->on_rest([this] { cannot_accept(); });
    if (turn_)
        rung();
    else if (!paused_)
        added->resume();
}

// Whether it is our turn, and what follows from that for our epoll set.
void intake::rung()
{
    if (!turn_ || stopped_)
        return;
    bool const ours = turn_->is_ours(); // asked for in any case: it shows that this worker moves
    bool const accepts = ours && !paused_ && turn_->has_room();
    for (auto const& each : loops_)
        accepts ? each->resume() : each->leave();
}

void intake::accepted(handle connection)
{
    to_.open(std::move(connection));
    if (!turn_ || stopped_)
        return;
    turn_->balance();
    rung();
}

// Siblings may have descriptors left. Once in a pause at most: of two that have none, neither runs
// round in circles.
void intake::cannot_accept()
{
    auto const now = clock::now();
    if (!turn_ || now - passed_on_ < protocol::accept_loop::pause_when_full)
        return;
    passed_on_ = now;
    turn_->pass_on();
    if (!turn_->is_ours())
        rung();
}

bool intake::take(handle connection)
{
    if (stopped_)
        return false;
    to_.open(std::move(connection));
    return true;
}

void intake::pause()
{
    paused_ = true;
    if (turn_) {
        turn_->pass_on();
        return rung();
    }
    for (auto const& each : loops_)
        each->pause();
}

void intake::resume()
{
    if (stopped_)
        return;
    paused_ = false;
    if (turn_) {
        turn_->claim();
        return rung();
    }
    for (auto const& each : loops_)
        each->resume();
}

// Who is not let offer and then never comes back to its loop is passed over by the master.
void intake::offer_turn()
{
    if (!turn_->is_ours())
        return;
    auto const now = clock::now();
    if (now - offered_ < rest_between_offers)
        return;
    offered_ = now;
    turn_->offer();
}

void intake::traffic(http::traffic const& now)
{
    auto const before = std::exchange(last_, now);
    if (!turn_ || stopped_)
        return;
    if (now.in_flight > before.in_flight)
        offer_turn();
    else if (now.connections < before.connections)
        turn_->claim();
    else
        return;
    rung();
}

void intake::stop()
{
    stopped_ = true;
    if (turn_)
        turn_->leave();
    for (auto const& each : loops_)
        each->leave();
}

std::uint64_t intake::wakes() const
{
    std::uint64_t out = 0;
    for (auto const& each : loops_)
        out += each->wakes();
    return out;
}

} // namespace covey
