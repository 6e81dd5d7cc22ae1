// cluster_core: what a master is made of, and what happens at the two ends of a cluster's life.
//
//   listeners -> dispatcher -> conductor -> workers
//
// It owns the parts and sequences them: nobody is told to stop before what has been accepted is in
// good hands, and nothing is accepted any more by then. Stages only move forward:
//
//   before -> serving -> handing_over -> stopping -> over
#pragma once

#include "conductor.hpp"
#include "dispatcher.hpp"
#include "door_watch.hpp"
#include "listener.hpp"
#include "options.hpp"
#include "orphans.hpp"
#include "service_manager.hpp"
#include "signals.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace covey::supervision {

class control_desk;

class cluster_core final : private stage_hands, public std::enable_shared_from_this<cluster_core>
{
  public:
    // As master's.
    cluster_core(net::any_io_executor executor, options settings, schema const& described,
                 worker_program program);

    ~cluster_core();

    static net::awaitable<int> run(std::shared_ptr<cluster_core> self);

    void on_ready(std::function<void(std::vector<std::string> const&)> call);
    void take_signals();
    void take_orphans();
    void take_service_manager();
    void open_control();

    void stop();
    void stop(std::chrono::milliseconds deadline);
    void stop_now(std::string failure = {});
    void abandon(); // the master object goes, whatever the stage

    conductor& workers() { return *conductor_; }
    std::string const& failure() const { return failure_; }
    std::vector<std::string> const& addresses() const { return addresses_; }
    options const& settings() const { return settings_; } // with numbers for "auto"
    bool is_stopping() const { return stage_ > stage::serving; }

  private:
    enum class stage { before, serving, handing_over, stopping, over };
    using clock = std::chrono::steady_clock;

    void start();
    void watch_door();
    void leave_door(); // closes the listening sockets
    void drain_when_handed_over();
    void drain();
    std::chrono::milliseconds left() const;
    void end();
    void grant(signal_wish wish);
    void attend_sockets();
    std::string status_line() const;

    std::vector<introduced_listener> listeners_of(std::uint32_t seat) override;
    void on_seats_changed() override;
    void on_room() override;
    void on_returned(std::vector<passed_connection> connections) override;
    void on_announced() override;
    void on_finished(std::string failure) override;

    net::any_io_executor executor_;
    options settings_;
    stage stage_ = stage::before;
    std::string failure_;
    std::function<void(std::vector<std::string> const&)> announce_;

    std::vector<listener> listeners_; // empty once the cluster stops
    std::vector<std::string> addresses_;
    std::shared_ptr<conductor> conductor_;
    std::optional<dispatcher> dispatcher_;
    std::shared_ptr<door_watch> door_; // where workers share the listening sockets
    std::optional<signal_orders> signals_;
    std::optional<service_manager> services_;
    std::shared_ptr<orphans> orphans_;
    std::shared_ptr<control_desk> control_;
    signal_reader signal_reader_;
    bool had_terminal_ = false;
    bool drained_ = false; // by a signal

    clock::time_point drain_until_{};
    net::steady_timer finished_;
    net::steady_timer hand_over_limit_;
};

} // namespace covey::supervision
