// conductor: carries out what the supervisor orders, and tells it what has happened.
//
//   a life, a timer, a wish  ->  supervisor  ->  orders  ->  lives, segment, event board
//
// Every call of the supervisor goes through after(), which carries out its orders before it
// returns and sets the one timer. So whoever calls in here finds the cluster as it is decided to
// be, and learns of it by events, later.
#pragma once

#include "bell_watch.hpp"
#include "cluster_status.hpp"
#include "dispatch.hpp"
#include "event_board.hpp"
#include "introduction.hpp"
#include "poison_breaker.hpp"
#include "supervisor.hpp"
#include "worker_life.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/steady_timer.hpp>
#include <covey/shm/turn.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace covey::supervision {

using request_handler = std::function<net::awaitable<datum>(worker_ref, message)>;
using reload_handler = net::any_completion_handler<void(boost::system::error_code, verdict)>;

// What the conductor needs of those around it. Called inside its calls: they call nothing back
// but what is said here.
class stage_hands
{
  public:
    virtual std::vector<introduced_listener> listeners_of(std::uint32_t seat) = 0;
    virtual void on_seats_changed() = 0; // who serves, has room, or is over: distribute anew
    virtual void on_room() = 0;          // somebody may have room again
    virtual void on_returned(std::vector<passed_connection> connections) = 0;
    virtual void on_announced() = 0;                   // every seat has been ready once
    virtual void on_finished(std::string failure) = 0; // nothing is left; the last call

  protected:
    ~stage_hands() = default;
};

// A worker that lives, with what it says of its load.
struct living_worker
{
    worker_ref who;
    std::uint32_t block = 0;
    std::uint32_t unacknowledged = 0; // connections passed and not yet taken over
    worker_load load;
};

class conductor final : private life_owner, public std::enable_shared_from_this<conductor>
{
  public:
    // Makes the segment. `program` has a path. Throws system_error.
    conductor(net::any_io_executor executor, options const& settings, schema const& described,
              worker_program program, std::vector<std::string> addresses, stage_hands& hands);

    // ---- wishes ----
    void start();
    void scale(std::uint32_t workers);
    worker_ref fork(std::vector<std::string> environment); // empty when there is no seat for it
    void reload();
    void reload(reload_handler handler);
    void reset_restarts();
    void drain_workers();
    void stop(milliseconds deadline);
    void stop_now(std::string failure = {});
    void abandon(); // the master goes: kills, tells nobody
    void set_up(std::function<void(worker_program&)> const& change);

    // ---- words ----
    void broadcast(datum const& body, std::vector<passed_handle> const& handles);
    void answer_requests(request_handler by);

    // ---- connections ----
    seat_view view(std::uint32_t seat) const;
    bool pass(std::uint32_t seat, passed_connection& connection);

    // ---- looks ----
    event_board& board() { return *board_; }
    supervisor const& decided() const { return supervisor_; }
    std::vector<worker_ref> workers() const;
    std::vector<living_worker> living() const; // in the order of their ids
    std::vector<worker_status> status() const;
    handle lend_segment() const { return segment_.lend_read_only(); } // throws system_error
    turn_watch turns() const;          // to accept from sockets that all workers share
    bool owns(std::int64_t pid) const; // a worker of ours has it, or had it and is not reaped

  private:
    // Of a seat, whoever sits in it.
    struct seat_record
    {
        std::optional<std::uint64_t> serves;   // who gets its connections
        std::vector<std::string> environment;  // over the program's
        std::shared_ptr<worker_life> expected; // a worker_ref leads to it; not forked yet
        std::uint64_t last = 0;                // the life that was forked last
        std::uint64_t starts = 0;
        std::uint64_t changes_dropped = 0;
    };
    using lives = std::map<std::uint64_t, std::shared_ptr<worker_life>>;

    template <class Call>
    void after(Call call);
    void carry_out();
    void wait();
    void answer(reload_handler handler, boost::system::error_code failed, verdict what);
    void let_go_of_outputs();
    void warn_of_busy_poll(std::uint32_t workers);
    void forget_ended();

    void execute(order::fork const& it);
    void execute(order::stop const& it);
    void execute(order::signal const& it);
    void execute(order::serve const& it);
    void execute(order::reap const& it);
    void execute(order::tell& it);
    void execute(order::verdict& it);
    void execute(order::look const& it);
    void execute(order::announce const& it);
    void execute(order::finish& it);

    worker_program program_for(std::uint32_t seat) const;
    void reap(order::reap const& it, milliseconds retry);
    void quarantine_what_kills();
    void end_quarantines();
    void count_end(order::tell const& it);
    void log_fact(order::tell const& it) const;
    sample look_at(supervisor::life_view const& seen) const;
    void watch(worker_life& life);
    void return_when_over(worker_life& life);

    void on_online(worker_life& life) override;
    void on_said(worker_life& life, protocol::listening const& said) override;
    void on_said(worker_life& life, protocol::ready const& said) override;
    void on_said(worker_life& life, protocol::suicide const& said) override;
    void on_said(worker_life& life, protocol::refused const& said) override;
    void on_said(worker_life& life, protocol::awake const& said) override;
    void on_said(worker_life& life, protocol::room const& said) override;
    void on_said(worker_life& life, protocol::change const& said) override;
    void on_message(worker_life& life, message said) override;
    net::awaitable<datum> on_request(worker_life& life, message said) override;
    void on_drained(worker_life& life) override;
    void on_room(worker_life& life) override;
    void on_rejected(worker_life& life, passed_connection connection) override;
    void on_broken(worker_life& life, std::string const& reason) override;
    void on_disconnected(worker_life& life) override;
    void on_exited(worker_life& life, exit_status const& status) override;
    void on_closed(worker_life& life) override;
    channel_counts& counts() override { return counts_; }
    worker_state state_of(std::uint64_t id) const override;
    bool is_leaving_by_wish(std::uint64_t id) const override;
    void disconnect(std::uint64_t id) override;
    void stop(std::uint64_t id, milliseconds deadline) override;
    void recycle(std::uint64_t id) override;

    net::any_io_executor executor_;
    options settings_;
    worker_program program_;
    std::vector<std::string> addresses_;
    stage_hands* hands_; // null once abandoned
    supervisor supervisor_;
    std::shared_ptr<event_board> board_;

    segment segment_;
    channel_counts counts_;
    poison_breaker breaker_;
    std::vector<std::uint32_t> cpus_; // one for each seat, by turns; empty: as this process
    std::shared_ptr<doorbells const> bells_;
    std::shared_ptr<bell_watch> bell_watch_;
    shared_handle standard_error_; // ours, to be given back to workers that are ready
    lives lives_;
    std::vector<seat_record> places_;                    // by seat
    std::vector<std::uint64_t> ending_;                  // who may be forgotten
    std::map<std::uint64_t, net::steady_timer> reaping_; // by id: blocks that are asked for again
    std::set<std::uint64_t> watched_; // who the supervisor knows to have something to do
    std::map<std::uint64_t, reload_handler> reloads_; // by number
    request_handler answers_;
    net::steady_timer tick_;
    std::optional<time_point> tick_at_;
    bool carrying_out_ = false;
    bool warned_of_busy_poll_ = false;
    bool stopping_ = false;
};

template <class Call>
void conductor::after(Call call)
{
    if (hands_ == nullptr)
        return;
    call(std::chrono::steady_clock::now());
    carry_out();
}

} // namespace covey::supervision
