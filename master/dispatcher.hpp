// dispatcher: moves accepted connections into seats, in the policies where the master accepts.
//
// It accepts only what it can pass on at once; when no seat has room, connections wait in the
// kernel's backlog. What a worker gives back (it rejected a connection, or died before it took it
// over) waits here, before everything new, in the order it was passed.
#pragma once

#include "accept_loop.hpp"
#include "dispatch.hpp"
#include "worker_life.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace covey::supervision {

class dispatcher
{
  public:
    // After so many rejections a connection is closed: nobody wants it.
    static constexpr std::uint32_t rejections_max = 3;

    struct seats
    {
        // What the seats look like now; the same number of them every time.
        std::function<void(std::span<seat_view>)> look;
        // Gives one to a seat that had room; false when it has not been taken, and then the seat
        // has no room any more.
        std::function<bool(std::uint32_t seat, passed_connection&)> pass;
    };

    dispatcher(net::any_io_executor executor, dispatch_policy policy, std::uint32_t seat_count,
               seats into);

    void add(std::uint32_t index, shared_handle socket, std::string const& address);

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

    std::size_t waiting() const { return waiting_.size(); }

  private:
    std::optional<std::uint32_t> choose(std::optional<std::uint32_t> not_to);

    net::any_io_executor executor_;
    dispatch_policy policy_;
    seats into_;
    std::vector<seat_view> views_;
    std::uint32_t last_;
    std::deque<passed_connection> waiting_;
    std::vector<std::shared_ptr<accept_loop>> loops_;
    bool accepting_ = false;
    bool given_up_ = false;
};

} // namespace covey::supervision
