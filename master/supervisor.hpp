// supervisor: every decision about workers, and nothing else. Pure: what happened goes in, with the
// time; orders come out. No process, no socket, no clock and no randomness of its own, so a
// simulation can drive it through a million deaths, reloads and scalings (tests/simulation).
//
// A seat is a stable number 0 .. N-1. A life is one worker, from its fork until it has ended and
// its block has been reaped; its id is never reused. A seat has at most one life that serves, and
// beside it lives that come (a replacement that is not ready yet) and lives that go (draining).
// Every life has a block of the segment for itself; a fork that finds none free waits for one.
//
//   forked -> online -> listening -> ready -> draining -> disconnected -> dead
//
// There is one way out: whatever ended a life (crash, suicide, recycle, reload, stop, a hang), it
// passes through settle(), which alone decides on a replacement.
//
// The caller executes take_orders() after every call, in order, and calls tick() at next(). Inputs
// about ids that are not known (any more), and what a life has said before, are ignored.
#pragma once

#include "life.hpp"
#include "options.hpp"
#include "orders.hpp"
#include "reloading.hpp"
#include "restart_limit.hpp"
#include "roster.hpp"
#include "sample.hpp"
#include "watchdog.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace covey::supervision {

struct supervisor_plan
{
    std::uint32_t workers = 1;     // seats at the start
    std::uint32_t workers_max = 1; // scale() goes no further
    std::uint32_t blocks = 2;      // of the segment; more than workers_max

    milliseconds boot_timeout{30'000};  // fork until online; then killed, a failed start
    milliseconds ready_timeout{30'000}; // online until ready; then killed, a failed start
    milliseconds drain_deadline{30'000};
    milliseconds kill_after{1'000};    // from a deadline, or the channel's end, until SIGKILL
    milliseconds hang_timeout{60'000}; // something to do and no beat for so long: SIGABRT; 0: never
    milliseconds abort_grace{5'000};   // then until SIGKILL: a core takes its time
    milliseconds close_spread{1'000};  // idle connections of who is replaced end over this time

    std::uint32_t at_once = 1;         // workers that a reload or recycling starts at a time
    std::uint32_t generations_max = 3; // alive at once; a reload waits for an old one to end

    restart_options restart;
    recycle_options recycle;
};

class supervisor
{
  public:
    // `random` gives numbers in [0, 1): for jitter.
    supervisor(supervisor_plan plan, std::function<double()> random);
    supervisor(supervisor const&) = delete;
    supervisor& operator=(supervisor const&) = delete;

    // ---- wishes ----
    void start(time_point now);
    void scale(time_point now, std::uint32_t workers); // clamped to 0 .. workers_max
    // Returns the request's number, for order::verdict. While one runs, the next waits, and all
    // that come meanwhile are answered with that one.
    std::uint64_t reload(time_point now);
    void recycle(time_point now, std::uint64_t id); // its replacement first
    // Another one takes its seat at once.
    void stop_worker(time_point now, std::uint64_t id, milliseconds deadline);
    // The same, when the caller closes its channel instead: no order::stop, and the channel's end
    // is no reason to hurry.
    void disconnect_worker(time_point now, std::uint64_t id, milliseconds deadline);
    // Forgets failures: seats that wait or were given up start now.
    void reset_restarts(time_point now);
    // Every worker leaves, and none is started until scale() or reload(); the count is remembered.
    void drain_workers(time_point now);
    void stop(time_point now, milliseconds deadline);        // of several deadlines the first holds
    void stop_now(time_point now, std::string failure = {}); // of several failures the first

    // ---- what happened ----
    void forked(time_point now, std::uint64_t id);
    void not_forked(time_point now, std::uint64_t id, boost::system::error_code why);
    void online(time_point now, std::uint64_t id);
    void listening(time_point now, std::uint64_t id, std::uint32_t listener);
    void ready(time_point now, std::uint64_t id);
    void suicide(time_point now, std::uint64_t id, std::string const& reason);
    void refused(time_point now, std::uint64_t id, std::string const& reason); // it will exit
    void broken(time_point now, std::uint64_t id, std::string const& reason); // kill it: bad frames
    void awake(time_point now, std::uint64_t id);        // it may have something to do: watch it
    void disconnected(time_point now, std::uint64_t id); // its channel has been read to its end
    // `words`: the last it wrote to standard error, when that is known.
    void exited(time_point now, std::uint64_t id, exit_status status, std::string words);
    // What it wrote has been read to the end; of a worker that is not captured: at its exit.
    void closed(time_point now, std::uint64_t id);
    void reaped(time_point now, std::uint64_t id);
    void sampled(time_point now, std::uint64_t id, sample const& seen);

    // ---- time ----
    std::optional<time_point> next() const; // when tick() must be called at the latest
    void tick(time_point now);

    std::vector<order_to_do> take_orders();

    // ---- looks ----
    struct life_view
    {
        std::uint64_t id = 0;
        std::uint32_t seat = 0;
        std::uint32_t block = 0;
        std::uint32_t generation = 0;
        life_state state{};
        bool serves = false;
        bool planned = false; // its end: stop, suicide, recycle, reload: exited_after_disconnect
    };
    std::vector<life_view> lives() const; // in the order of ids, until they are closed and reaped
    std::optional<life_view> life(std::uint64_t id) const;
    std::uint32_t seats() const;       // as scaled
    std::uint32_t ready_seats() const; // that serve
    bool is_served(std::uint32_t seat) const;
    bool is_staffed(std::uint32_t seat) const; // served, or its worker is being started
    std::uint32_t generation() const;          // the newest that serves
    bool has_given_up() const;
    bool is_reloading() const;

  private:
    // Why a life is lost to its seat.
    enum class loss { ended, suicide, wished };

    // The one way out: decides on the replacement.
    void settle(time_point now, supervision::life& one, loss why);
    // How long the seat's next worker must wait because of how this one ended; counts failures.
    milliseconds account(time_point now, seat& at, supervision::life const& one);
    void give_up_seat(time_point now, seat& at);
    void give_up(time_point now, supervision::life const& last);
    void fail(time_point now, std::string reason);

    void end_if_over(time_point now, supervision::life& one);
    void want(time_point now, std::uint32_t workers);
    void empty_seats(time_point now, std::uint32_t from); // their lives leave

    // Does what the state allows to be done now; after every input.
    void advance(time_point now);
    void advance_reload(time_point now);
    void seat_who_is_ready(time_point now);
    void fork_what_is_due(time_point now);
    void replace_the_worn(time_point now);
    void announce_if_ready();
    void finish_if_over();
    bool may_fork() const { return !stop_by_ && !drained_ && !given_up_; }
    std::optional<time_point> next_start(seat const& at) const;

    supervisor_plan plan_;
    std::function<double()> random_;
    roster roster_;
    reloading reloading_;
    watchdog watchdog_;
    restart_limit limit_;

    std::uint32_t seats_ = 0; // as scaled; none of them is wanted while drained
    time_point now_{};        // of the latest input
    bool started_ = false;
    bool announced_ = false;
    bool drained_ = false;
    bool given_up_ = false;
    bool finished_ = false;
    std::optional<time_point> stop_by_; // the cluster stops
    std::string failure_;
};

} // namespace covey::supervision
