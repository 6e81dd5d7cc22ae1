// dispatcher: moves accepted connections into seats, in the policies where the master accepts.
//
// It accepts only what it can pass on at once; when no seat has room, connections wait in the
// kernel's backlog. What a worker gives back (it rejected a connection, or died before it took it
// over) waits here, before everything new, in the order it was passed. What one worker after the
// other rejects rests a little between offers, and nothing is accepted meanwhile.
#pragma once

#include "dispatch.hpp"
#include "handover.hpp"
#include "options.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/accept_loop.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace covey::supervision {

namespace net = boost::asio;

class dispatcher
{
  public:
    // After so many rejections in a row a connection rests, and is offered again; when it has been
    // at that for options::rejection_wait, it is closed.
    static constexpr std::uint32_t rejections_max = 3;
    static constexpr std::chrono::milliseconds rest_between_offers{50};

    struct seats
    {
        // What the seats look like now; the same number of them every time.
        std::function<void(std::span<seat_view>)> look;
        // Gives one to a seat that had room; false when it has not been taken, and then the seat
        // has no room any more.
        std::function<bool(std::uint32_t seat, passed_connection&)> pass;
    };

    dispatcher(net::any_io_executor executor, options const& settings, std::uint32_t seat_count,
               seats into);

    // Accepts from the socket too, from the next pump() on; nothing when it does so already.
    void add(std::uint32_t index, shared_handle const& socket, std::string const& address);

    // Accepts from it no more, and leaves what waits there to whoever else accepts from it.
    void drop(shared_handle const& socket);

    // Accepts what is in a socket's backlog at this moment, room or not; returns how many. For a
    // listening socket that workers accept from, before it is closed.
    std::size_t sweep(std::uint32_t index, shared_handle socket, std::string const& address);

    // Passes what waits, then accepts as long as there is room. Call it when the seats have
    // changed.
    void pump();

    // A seat may have got room: pump(), unless there was room before.
    void room()
    {
        if (!accepting_)
            pump();
    }

    // Takes connections back, to be passed again before all others.
    void take_back(std::vector<passed_connection> connections);

    // Takes what is in the backlogs and accepts no more; the listening sockets are let go.
    void stop_accepting();

    // Closes what waits; from now on closes what comes back.
    void give_up();

    std::size_t waiting() const { return waiting_.size() + resting_.size(); }

    // Connections that were closed because no worker took them.
    std::uint64_t closed_unwanted() const { return closed_unwanted_; }

  private:
    using clock = std::chrono::steady_clock;

    std::shared_ptr<protocol::accept_loop> make_loop(std::uint32_t index, shared_handle socket,
                                                     std::string const& address);
    std::optional<std::uint32_t> choose(passed_connection const& one);
    std::optional<std::uint32_t> ask(passed_connection const& one);
    bool has_room_now();
    void rest();
    void offer_again();
    void wait_in_order(std::vector<passed_connection> connections);

    net::any_io_executor executor_;
    dispatch_policy policy_;
    decltype(options::balance) balance_;
    seats into_;
    std::vector<seat_view> views_;
    std::uint32_t last_;
    std::deque<passed_connection> waiting_; // in the order of arrival
    std::uint64_t arrivals_ = 0;
    std::vector<passed_connection> resting_;
    net::steady_timer rest_timer_;                          // set while anything rests
    std::shared_ptr<void> here_ = std::make_shared<char>(); // a timer's end may outlive us
    std::chrono::milliseconds rejection_wait_;
    std::uint64_t closed_unwanted_ = 0;
    std::map<shared_handle, std::shared_ptr<protocol::accept_loop>> loops_; // by socket
    bool accepting_ = false;
    bool given_up_ = false;
    bool balance_failed_ = false; // and that has been said
};

} // namespace covey::supervision
