// running: a launched process on the loop: whether it has been executed, when it has ended, and the
// ladder that ends it: a signal, then SIGKILL.
//
// It lives until its process has been reaped, also when nobody holds it any more: its wait on the
// loop does. A loop that is destroyed first takes the process with it, so what is called back must
// not hold what holds this. All calls from the executor's thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <covey/master/launch.hpp>
#include <covey/master/process/options.hpp>
#include <covey/protocol/readiness.hpp>
#include <functional>
#include <memory>

namespace covey::process {

class running : public std::enable_shared_from_this<running>
{
  public:
    running(net::any_io_executor executor, supervision::launched process, options const& settings);
    ~running();
    running(running const&) = delete;
    running& operator=(running const&) = delete;

    // Both are called once, in this order, unless it has been dropped: `started` without an error
    // when the program runs; with one, and then it has been reaped and `ended` is not called.
    // `ended` is told before the process is reaped, so that its group can still be reached.
    // `owner` lives until then.
    void begin(std::shared_ptr<void> owner, std::function<void(boost::system::error_code)> started,
               std::function<void()> ended);

    // Ends it, and its group if it leads one. Again is nothing.
    void stop();

    // Called when options::timeout is over, before it ends the process.
    void on_timeout(std::function<void()> call) { timed_out_ = std::move(call); }
    // Called at the ladder's last step.
    void on_forced(std::function<void()> call) { forced_ = std::move(call); }

    // Takes the end; after this there is no process.
    exit_status reap();

    // Nobody asks any more: killed, and reaped by the loop.
    void drop();

    // As that, but it goes on; the loop reaps it if it still runs then.
    void release();

    supervision::launched const& process() const { return process_; }

  private:
    void is_started();
    void has_ended();
    void signal(int number);
    void in(std::chrono::milliseconds from_now, void (running::*then)());
    void time_is_over();
    void force();

    supervision::launched process_;
    std::chrono::milliseconds timeout_;
    int kill_signal_;
    std::chrono::milliseconds kill_after_;
    protocol::readiness report_;
    protocol::readiness ended_;
    net::steady_timer timer_;
    std::function<void(boost::system::error_code)> on_started_;
    std::function<void()> on_ended_;
    std::function<void()> timed_out_;
    std::function<void()> forced_;
    bool stopping_ = false;
    bool released_ = false;
};

struct pipe_ends
{
    handle input;
    handle output;
    handle errors;
};
// Launches. `pipes` gets this process's ends of the pipes that are asked for. Throws system_error
// (EMFILE, and what launch() says).
struct start_plan
{
    std::string path;
    std::vector<std::string> arguments;
    source usual_input = source::pipe;
    source usual_output = source::pipe; // and error
    supervision::group group = supervision::group::ours;
    handle const* channel = nullptr;
};
supervision::launched start(start_plan what, options const& settings, pipe_ends& pipes);

} // namespace covey::process
