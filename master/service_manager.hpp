// service_manager: what systemd is told about this master, and what it hands over (sd_notify(3),
// sd_listen_fds(3)). Without systemd, or without libsystemd on this machine, every call
// does nothing.
//
// The variables that systemd sets are this process's business: they are taken out of the
// environment, so that no worker speaks for the master or takes its sockets.
//
// Notifications are datagrams to a socket that systemd empties; READY is told once the whole
// cluster has been ready, and again after every reload that RELOADING announced.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/handle.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace covey::supervision {

namespace net = boost::asio;

// Listening sockets by their names (LISTEN_FDNAMES); several may share one. Those without a name
// are called "unknown", as systemd does.
using inherited_sockets = std::multimap<std::string, handle>;

// Takes what this process was started with. Empty when the variables are another process's: they
// count only when LISTEN_PID is this process's pid. They are gone from the environment afterwards
// in any case. Close-on-exec is set; once, at the start.
inherited_sockets take_inherited_sockets();

class service_manager
{
  public:
    // Takes NOTIFY_SOCKET and the watchdog's variables.
    explicit service_manager(net::any_io_executor executor);
    service_manager(service_manager const&) = delete;
    service_manager& operator=(service_manager const&) = delete;

    bool is_there() const { return !socket_.empty(); }

    void ready(std::string_view status); // also after a reload, whatever came of it
    void reloading();                    // with the time, as Type=notify-reload wants it
    void stopping();
    void status(std::string_view text); // one line

    // Feeds systemd's watchdog from now on, twice as often as it asks for, from the master's loop:
    // a loop that hangs does not feed it.
    void feed();

  private:
    void tell(std::string const& text) const;

    net::steady_timer timer_;
    std::string socket_;                    // NOTIFY_SOCKET; empty without systemd
    std::chrono::microseconds interval_{0}; // between two meals; 0 without a watchdog
};

} // namespace covey::supervision
