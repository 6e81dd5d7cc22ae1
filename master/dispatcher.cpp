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
{}

std::shared_ptr<protocol::accept_loop>
dispatcher::make_loop(std::uint32_t index, shared_handle socket, std::string const& address)
{
    return std::make_shared<protocol::accept_loop>(
        executor_, std::move(socket), address,
        [this, index](handle accepted, sockaddr_storage const& from) {
            waiting_.push_back(
                {share(std::move(accepted)), index, 0, std::nullopt, client_address{from}});
            pump();
        });
}

void dispatcher::add(std::uint32_t index, shared_handle socket, std::string const& address)
{
    loops_.push_back(make_loop(index, std::move(socket), address));
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
    accepting_ = waiting_.empty() && has_room_now();
    for (auto const& loop : loops_)
        accepting_ ? loop->resume() : loop->pause();
}

void dispatcher::take_back(std::vector<passed_connection> connections)
{
    if (given_up_)
        return;
    auto const unwanted =
        std::remove_if(connections.begin(), connections.end(), [](passed_connection const& one) {
            return one.rejections >= rejections_max;
        });
    if (unwanted != connections.end())
        log::warning(fmt::format("closed {} connections that were rejected {} times",
                                 std::distance(unwanted, connections.end()), rejections_max));
    waiting_.insert(waiting_.begin(), std::make_move_iterator(connections.begin()),
                    std::make_move_iterator(unwanted));
    pump();
}

void dispatcher::stop_accepting()
{
    // Clients whose connection is complete have been promised an answer; new ones are refused once
    // the sockets are closed.
    for (auto const& loop : loops_)
        loop->sweep(backlog);
    loops_.clear();
}

void dispatcher::give_up()
{
    given_up_ = true;
    waiting_.clear();
    loops_.clear();
}

} // namespace covey::supervision
