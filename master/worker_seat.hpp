// worker_seat: the place a worker sits in; when it dies, the next one sits in the same place.
//
// Every end of a worker, whatever its cause, comes through one function (settle): connections go
// back, the seat in the segment is reaped, and only then restart_policy says when, or whether, the
// next worker starts. A seat is never opened again before it has been reaped.
#pragma once

#include "restart_policy.hpp"
#include "worker_life.hpp"

#include <memory>
#include <random>

namespace covey::supervision {

// What a seat asks of the master and tells it. Called from the loop, never inside a call into the
// seat.
class seat_events
{
  public:
    // A worker has been forked for the seat: what is it to be told? Opens the seat. May throw
    // system_error; then the worker is killed and counts as one that could not start.
    virtual introduction introduce(std::uint32_t seat, std::uint64_t id, std::int64_t pid) = 0;
    virtual std::uint64_t next_id() = 0; // rises, is never reused

    virtual void on_ready(std::uint32_t seat) = 0;
    virtual void on_room() = 0;
    virtual void on_returned(std::vector<passed_connection> connections) = 0;
    virtual void on_change(std::uint32_t seat, protocol::change const& change) = 0;

    // False when it must be asked again a little later.
    virtual bool reap(std::uint32_t seat) = 0;

    // The worker's end has been settled. `for_good`: the seat will not have another one.
    virtual void on_gone(std::uint32_t seat, life_report const& report, bool for_good) = 0;

  protected:
    ~seat_events() = default;
};

struct seat_plan
{
    worker_program program;
    std::chrono::milliseconds ready_timeout{};
    std::chrono::milliseconds kill_after{};
    restart_options restart;
};

class worker_seat final : public std::enable_shared_from_this<worker_seat>, private life_events
{
  public:
    worker_seat(net::any_io_executor executor, std::uint32_t seat, seat_plan plan,
                seat_events& events);

    void start(); // the first worker; the seat starts the later ones
    void stop(std::chrono::milliseconds deadline); // and start none any more
    void kill();                                   // and start none any more
    void abandon() noexcept;                       // the master goes: kills, tells nobody

    bool pass(passed_connection& connection);
    void relay(protocol::change const& change);

    seat_view view(std::uint32_t connections) const;
    worker_status status() const;
    bool is_over() const { return ending_ && phase_ == phase::empty; }

  private:
    enum class phase {
        empty,    // no process; perhaps a timer that starts one
        occupied, // life_ is set
        settling, // the process is gone, the segment is not reaped yet
    };

    void on_ready() override;
    void on_room() override;
    void on_rejected(passed_connection connection) override;
    void on_change(protocol::change const& change) override;
    void on_gone(life_report report) override;

    void settle(life_report report);
    void reap(std::shared_ptr<life_report> report, std::chrono::milliseconds retry);
    void settled(life_report const& report);
    void later(std::chrono::milliseconds wait, std::function<void()> then);

    net::any_io_executor executor_;
    std::uint32_t seat_;
    seat_plan plan_;
    seat_events* events_; // null once abandoned
    net::steady_timer timer_;
    restart_history history_;
    std::minstd_rand random_;

    phase phase_ = phase::empty;
    bool ending_ = false;
    std::shared_ptr<worker_life> life_;
    std::uint64_t id_ = 0;
    std::uint64_t starts_ = 0;
    std::uint64_t changes_dropped_ = 0;
};

} // namespace covey::supervision
