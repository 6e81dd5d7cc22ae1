// worker_life: one worker, from its fork until it is reaped and its last word has been read.
//
//   starting -> ready -> draining -> gone       README.md tells every edge
//
// What the worker says is untrusted: a message that is out of place ends the worker, never the
// master. A life ends once, and only when the process is reaped AND the channel has ended: what
// the worker said before it died counts, above all which connections it had taken over.
#pragma once

#include "child_process.hpp"
#include "dispatch.hpp"
#include "handover.hpp"
#include "master.hpp"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/channel.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace covey::supervision {

// The messages a worker is sent first, with their handles.
using introduction = std::vector<std::pair<protocol::from_master, std::vector<shared_handle>>>;

struct life_plan
{
    worker_program program;
    std::uint64_t id = 0;
    std::chrono::milliseconds ready_timeout{};
    std::chrono::milliseconds kill_after{};
};

struct life_report
{
    exit_status status;
    std::string reason; // why the master ended it, or why the worker refused; several lines
    bool refused = false;
    bool was_ready = false;
    std::chrono::milliseconds ready_for{0};
    std::vector<passed_connection> unacknowledged; // in the order they were passed
};

// What a life tells. Called from the loop, never inside a call into the life.
class life_events
{
  public:
    virtual void on_ready() = 0;
    virtual void on_room() = 0; // it can perhaps be passed a connection again
    virtual void on_rejected(passed_connection connection) = 0;
    virtual void on_change(protocol::change const& change) = 0;
    virtual void on_gone(life_report report) = 0; // last call

  protected:
    ~life_events() = default;
};

class worker_life : public std::enable_shared_from_this<worker_life>
{
  public:
    // Forks. Throws system_error.
    worker_life(net::any_io_executor executor, life_plan plan, life_events& events);

    // Begins to listen; `first` is sent when the worker has said hello. Once, right after the
    // constructor.
    void begin(introduction first);

    // Graceful: the worker has until `deadline`, is killed kill_after later. One that is not ready
    // has nothing to finish: its deadline is 0; one that has not even said hello is killed. Twice
    // is once.
    void stop(std::chrono::milliseconds deadline);

    // Kills; `reason` is for the report.
    void kill(std::string const& reason);

    // Ends it without a report: the owner goes. Waits for the process to be gone.
    void abandon() noexcept;

    // It leaves in the loop's next turn, with those that are passed before it. False, and the
    // connection stays the caller's, when the channel takes nothing now.
    bool pass(passed_connection& connection);

    // Sends a change if the worker watches. False when it was dropped for want of room.
    bool relay(protocol::change const& change);

    worker_state state() const { return state_; }
    std::int64_t pid() const { return process_.pid(); }
    std::uint32_t unacknowledged() const { return static_cast<std::uint32_t>(handover_.size()); }
    bool is_open() const { return state_ == worker_state::ready && !full_ && channel_.is_open(); }

  private:
    using clock = std::chrono::steady_clock;

    worker_life(net::any_io_executor executor, life_plan plan, life_events& events,
                std::pair<handle, handle> ends);
    void send(protocol::from_master const& message, std::vector<shared_handle> handles = {});
    void receive();
    void hear(protocol::from_worker const& message);
    void heard(protocol::hello const& said);
    void heard(protocol::refused const& said);
    void heard(protocol::listening const&) {}
    void heard(protocol::ready const& said);
    void heard(protocol::suicide const&) {}
    void heard(protocol::awake const&) {}
    void heard(protocol::talk const&) {}
    void heard(protocol::accepted const& said);
    void heard(protocol::rejected const& said);
    void heard(protocol::watch_changes const& said);
    void heard(protocol::change const& said);
    void send_connections();
    void wait_for_drain();

    void channel_ended(boost::system::error_code reason);
    void process_ended(exit_status status);
    void finish_if_over();
    void by(std::chrono::milliseconds from_now, void (worker_life::*then)());
    void disarm();
    void not_ready_in_time();
    void not_gone_in_time();
    void still_open_after_exit();

    life_plan plan_;
    life_events* events_; // null once abandoned or reported
    protocol::master_channel channel_;
    child_process process_;
    net::steady_timer timer_; // the one thing that would end this life next
    bool armed_ = false;
    std::uint64_t timer_use_ = 0; // tells a wait that was under way when it was disarmed

    worker_state state_ = worker_state::starting;
    introduction first_; // until it has said hello
    bool said_hello_ = false;
    bool watches_changes_ = false;
    bool full_ = false; // the channel has refused a connection and is draining
    bool channel_open_ = true;
    bool process_alive_ = true;
    bool sending_connections_ = false; // in the loop's next turn
    handover handover_;
    clock::time_point ready_since_{};
    life_report report_;
};

} // namespace covey::supervision
