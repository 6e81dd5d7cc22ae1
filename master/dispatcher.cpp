#include "dispatcher.hpp"

#include "listener.hpp"

#include <algorithm>
#include <covey/protocol/log.hpp>
#include <covey/protocol/thrown.hpp>
#include <exception>
#include <fmt/format.h>
#include <iterator>
#include <sys/socket.h>
#include <utility>

namespace covey::supervision {

dispatcher::dispatcher(net::any_io_executor executor, options const& settings,
                       std::uint32_t seat_count, seats into)
    : executor_{std::move(executor)}
    , policy_{settings.dispatch}
    , balance_{settings.balance}
    , into_{std::move(into)}
    , views_(seat_count)
    , last_{seat_count - 1}
    , rest_timer_{executor_}
    , rejection_wait_{settings.rejection_wait}
{}

std::shared_ptr<protocol::accept_loop>
dispatcher::make_loop(std::uint32_t index, shared_handle socket, std::string const& address)
{
    return std::make_shared<protocol::accept_loop>(
        executor_, std::move(socket), address,
        [this, index](handle accepted, sockaddr_storage const& from) {
            waiting_.push_back({share(std::move(accepted)), index, 0, std::nullopt,
                                client_address{from}, ++arrivals_});
            pump();
        });
}

void dispatcher::add(std::uint32_t index, shared_handle const& socket, std::string const& address)
{
    if (auto& loop = loops_[socket]; !loop)
        loop = make_loop(index, socket, address);
}

void dispatcher::drop(shared_handle const& socket)
{
    if (auto const found = loops_.find(socket); found != loops_.end()) {
        found->second->leave();
        loops_.erase(found);
    }
}

std::size_t dispatcher::sweep(std::uint32_t index, shared_handle socket, std::string const& address)
{
    auto const loop = make_loop(index, std::move(socket), address);
    loop->sweep(backlog);
    return loop->accepted();
}

// The application's choice, when it makes one that can be followed.
std::optional<std::uint32_t> dispatcher::ask(passed_connection const& one)
{
    std::string trouble;
    try {
        auto const seat = balance_(one.from.text(), views_);
        if (!seat || (*seat < views_.size() && has_room(views_[*seat])))
            return seat;
        trouble = *seat < views_.size() ? fmt::format("seat {} has no room", *seat)
                                        : fmt::format("there is no seat {}", *seat);
    } catch (...) {
        trouble = protocol::words_of(std::current_exception());
    }
    if (!std::exchange(balance_failed_, true))
        log::warning(fmt::format("options::balance: {}; such connections go to the least loaded "
                                 "seat, and this is said once",
                                 trouble));
    return std::nullopt;
}

std::optional<std::uint32_t> dispatcher::choose(passed_connection const& one)
{
    if (!has_room_now())
        return std::nullopt;
    if (policy_ == dispatch_policy::custom && !one.rejected_by)
        if (auto const asked = ask(one))
            return asked;
    return choose_seat(policy_, views_, last_, one.rejected_by, one.from);
}

bool dispatcher::has_room_now()
{
    into_.look(views_);
    return std::any_of(views_.begin(), views_.end(), has_room);
}

void dispatcher::pump()
{
    std::optional<std::uint32_t> seat;
    while (!waiting_.empty() && (seat = choose(waiting_.front()))) {
        last_ = *seat;
        if (into_.pass(*seat, waiting_.front()))
            waiting_.pop_front();
    }
    accepting_ = waiting() == 0 && has_room_now();
    for (auto const& [socket, loop] : loops_)
        accepting_ ? loop->resume() : loop->pause();
}

void dispatcher::take_back(std::vector<passed_connection> connections)
{
    if (given_up_)
        return;
    auto const rejected =
        std::stable_partition(connections.begin(), connections.end(),
                              [](auto const& one) { return one.rejections < rejections_max; });
    if (rejected != connections.end() && resting_.empty())
        rest();
    for (auto one = rejected; one != connections.end(); ++one) {
        one->unwanted_since = one->unwanted_since.value_or(clock::now());
        resting_.push_back(std::move(*one));
    }
    connections.erase(rejected, connections.end());
    wait_in_order(std::move(connections));
}

void dispatcher::rest()
{
    rest_timer_.expires_after(rest_between_offers);
    rest_timer_.async_wait([this, here = std::weak_ptr{here_}](boost::system::error_code stopped) {
        if (!stopped && !here.expired())
            offer_again();
    });
}

void dispatcher::offer_again()
{
    auto const until = clock::now() - rejection_wait_;
    auto const closed =
        std::erase_if(resting_, [until](auto const& one) { return *one.unwanted_since <= until; });
    closed_unwanted_ += closed;
    if (closed > 0)
        log::warning(fmt::format("closed {} connections that worker after worker has rejected for "
                                 "{} ms; {} so far",
                                 closed, rejection_wait_.count(), closed_unwanted_));
    for (auto& one : resting_)
        one.rejections = 0;
    wait_in_order(std::exchange(resting_, {}));
}

void dispatcher::wait_in_order(std::vector<passed_connection> connections)
{
    std::move(connections.begin(), connections.end(), std::back_inserter(waiting_));
    std::sort(waiting_.begin(), waiting_.end(),
              [](auto const& one, auto const& other) { return one.arrival < other.arrival; });
    pump();
}

void dispatcher::stop_accepting()
{
    // Clients whose connection is complete have been promised an answer; new ones are refused once
    // the sockets are closed.
    for (auto const& [socket, loop] : loops_)
        loop->sweep(backlog);
    loops_.clear();
}

void dispatcher::give_up()
{
    given_up_ = true;
    waiting_.clear();
    resting_.clear();
    rest_timer_.cancel();
    loops_.clear();
}

} // namespace covey::supervision
