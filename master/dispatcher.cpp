#include "dispatcher.hpp"

#include "listener.hpp"

#include <algorithm>
#include <covey/protocol/log.hpp>
#include <fmt/format.h>
#include <iterator>

namespace covey::supervision {

dispatcher::dispatcher(net::any_io_executor executor, dispatch_policy policy,
                       std::uint32_t seat_count, seats into)
    : executor_{std::move(executor)}
    , policy_{policy}
    , into_{std::move(into)}
    , views_(seat_count)
    , last_{seat_count - 1}
{}

void dispatcher::add(std::uint32_t index, shared_handle socket, std::string const& address)
{
    loops_.push_back(std::make_shared<accept_loop>(
        executor_, std::move(socket), address, [this, index](handle accepted) {
            waiting_.push_back({share(std::move(accepted)), index, 0, std::nullopt});
            pump();
        }));
}

std::optional<std::uint32_t> dispatcher::choose(std::optional<std::uint32_t> not_to)
{
    into_.look(views_);
    return choose_seat(policy_, views_, last_, not_to);
}

void dispatcher::pump()
{
    std::optional<std::uint32_t> seat;
    while (!waiting_.empty() && (seat = choose(waiting_.front().rejected_by))) {
        last_ = *seat;
        if (into_.pass(*seat, waiting_.front()))
            waiting_.pop_front();
    }
    accepting_ = waiting_.empty() && choose(std::nullopt).has_value();
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
