// signals: what each signal asks of a master, and how a process comes to hear them.
//
// A separate part because signals belong to the process: an embedder who has other plans for them
// makes no signal_orders.
#pragma once

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <covey/protocol/signal_watch.hpp>
#include <csignal>
#include <functional>
#include <optional>
#include <string_view>

namespace covey::supervision {

namespace net = boost::asio;

enum class signal_wish {
    stop,        // workers finish what is in flight
    stop_fast,   // workers leave at once, in order
    stop_now,    // workers are killed
    reload,      // new workers first, then the old ones leave
    reopen_log,  //
    upgrade,     // to another binary
    one_more,    // worker
    one_less,    //
    drain_or_go, // workers leave, the master stays; again: they come back
};

struct signal_row
{
    int number = 0;
    std::string_view name;
    signal_wish first{};
    signal_wish stopping{}; // while the master stops already
};

// The whole table.
inline constexpr std::array signal_table{
    signal_row{SIGTERM, "SIGTERM", signal_wish::stop, signal_wish::stop_now},
    signal_row{SIGINT, "SIGINT", signal_wish::stop_fast, signal_wish::stop_now},
    signal_row{SIGQUIT, "SIGQUIT", signal_wish::stop, signal_wish::stop_now},
    signal_row{SIGHUP, "SIGHUP", signal_wish::reload, signal_wish::reload},
    signal_row{SIGUSR1, "SIGUSR1", signal_wish::reopen_log, signal_wish::reopen_log},
    signal_row{SIGUSR2, "SIGUSR2", signal_wish::upgrade, signal_wish::upgrade},
    signal_row{SIGTTIN, "SIGTTIN", signal_wish::one_more, signal_wish::one_more},
    signal_row{SIGTTOU, "SIGTTOU", signal_wish::one_less, signal_wish::one_less},
    signal_row{SIGWINCH, "SIGWINCH", signal_wish::drain_or_go, signal_wish::drain_or_go},
};

struct surroundings
{
    bool is_stopping = false;
    bool has_terminal = false;  // a controlling one, which sends signals of its own
    bool lost_terminal = false; // it had one
};

// Reads signals as wishes. Pure.
//
// - timeout(1) signals a process and then its group, so that the process hears one wish twice: a
//   stop that comes again within `one_wish` of the first is the same one.
// - A terminal sends SIGWINCH when somebody changes its size, which is no wish; and SIGHUP when it
//   goes away, which is a wish to stop.
class signal_reader
{
  public:
    using time_point = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds one_wish{5};

    // None when it is no wish of its own.
    std::optional<signal_wish> read(time_point now, int number, surroundings const& here);

  private:
    int last_ = 0; // stop that was taken for a wish
    time_point last_at_{};
};

// While it lives the table's signals come here, and SIGPIPE is ignored.
class signal_orders
{
  public:
    // `order` is called from the loop, once for every signal noticed. Make it in the thread that
    // runs the loop. Throws system_error when the signals cannot be watched.
    signal_orders(net::any_io_executor const& executor, std::function<void(int number)> order);
    ~signal_orders(); // puts SIGPIPE back as it was
    signal_orders(signal_orders const&) = delete;
    signal_orders& operator=(signal_orders const&) = delete;

  private:
    protocol::signal_watch signals_;
    struct sigaction pipe_before_
    {};
};

std::string_view signal_name(int number);

bool has_terminal();

} // namespace covey::supervision
