// roster: who holds which seat, and what can be done to a life. It keeps seats, lives, blocks and
// the list of orders consistent with each other and decides nothing.
//
// A seat's lives have roles: the holder serves it (as long as it can), `coming` is to hold it as
// soon as it is ready, `fresh` waits for a whole reload to be ready. A life that is told to leave
// loses its role at once.
#pragma once

#include "block_pool.hpp"
#include "life.hpp"
#include "orders.hpp"
#include "restart_policy.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace covey::supervision {

enum class role { none, holder, coming, fresh };

struct seat
{
    std::uint32_t number = 0;
    life* holder = nullptr;
    life* coming = nullptr;
    life* fresh = nullptr;
    std::optional<time_point> due; // its next worker is to be started then
    restart_history history;
    bool given_up = false; // its worker said that starting it again cannot help
    bool ready_once = false;
    std::optional<std::uint64_t> served_by; // as ordered last

    role role_of(life const& one) const
    {
        return &one == holder   ? role::holder
               : &one == coming ? role::coming
               : &one == fresh  ? role::fresh
                                : role::none;
    }
    bool is_served() const { return holder != nullptr && holder->can_serve(); }
};

class roster
{
  public:
    struct times
    {
        milliseconds drain_deadline{};
        milliseconds kill_after{};
        milliseconds close_spread{};
    };

    roster(std::uint32_t seats_max, std::uint32_t blocks, restart_options restart, times given);

    // ---- seats ----
    void want(std::uint32_t seats) { wanted_ = seats; }
    bool is_wanted(seat const& at) const { return at.number < wanted_; }
    std::vector<seat>& seats() { return seats_; }
    std::vector<seat> const& seats() const { return seats_; }
    // The first `wanted`, in their order.
    void each_wanted(std::function<void(seat&)> const& call);
    bool all_wanted(std::function<bool(seat const&)> const& test) const;
    seat& seat_of(life const& one) { return seats_[one.seat]; }
    void reset(seat& at); // as if it had never been

    // ---- lives ----
    life* find(std::uint64_t id);
    life const* find(std::uint64_t id) const;
    std::map<std::uint64_t, life> const& lives() const { return lives_; }
    std::map<std::uint64_t, life>& lives() { return lives_; }
    bool has_free_block() const { return !blocks_.is_empty(); }
    bool has_block_to_come() const; // some life is leaving, or has ended
    std::uint32_t generations_alive() const;
    bool has_leaving() const; // some life is alive and will not be for long

    // Needs a free block. The caller gives it its role.
    life& fork(seat& at, std::uint32_t generation);
    // Its fork failed: it never was.
    void forget(life& one);
    // Its block is free again; it is forgotten if it has been closed.
    void reaped(life& one);
    void close(life& one); // tells so, once it is over and its output has ended

    // ---- what can be done to a life ----
    void vacate(life& one); // it has no role any more
    // It is told to leave, with what is left until `deadline` from now; earlier wishes hold.
    void leave(time_point now, life& one, milliseconds deadline, milliseconds spread);
    // The same, but it knows already: its channel is being closed.
    void leave_quietly(time_point now, life& one, milliseconds deadline);
    void leave_dead(life& one); // by SIGKILL
    void dismiss(time_point now,
                 life& one); // leave, when its replacement is no more wanted or done
    void kill(life& one, std::string const& reason);
    void abort(time_point now, life& one, milliseconds grace, std::string const& reason);
    // SIGKILL then, at the latest.
    void kill_by(life& one, time_point when, std::string reason);
    // `one`, ready, holds its seat from now on; who held it leaves.
    void take_seat(time_point now, life& one);
    void update_serving(seat& at);

    // ---- orders ----
    void put(order_to_do one) { orders_.push_back(std::move(one)); }
    void tell(fact what, life const& about, std::string text = {});
    void tell_listening(life const& about, std::uint32_t listener);
    void tell_error(life const& about, boost::system::error_code failed);
    std::vector<order_to_do> take_orders() { return std::exchange(orders_, {}); }

  private:
    void drop_if_done(life& one);

    times times_;
    restart_options restart_;
    std::uint32_t wanted_ = 0;
    std::uint64_t last_id_ = 0;
    std::vector<seat> seats_;
    std::map<std::uint64_t, life> lives_;
    block_pool blocks_;
    std::vector<order_to_do> orders_;
};

} // namespace covey::supervision
