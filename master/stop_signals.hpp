// stop_signals: SIGTERM and SIGINT as orders to one master, and SIGPIPE as nothing.
//
// A separate part because signals belong to the process: an embedder who has other plans for them
// makes no stop_signals.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <functional>
#include <memory>

namespace covey::supervision {

namespace net = boost::asio;

class stop_signals
{
  public:
    // `order` is called from the loop, once for every signal noticed.
    stop_signals(net::any_io_executor executor, std::function<void(int signal)> order);
    ~stop_signals(); // puts SIGPIPE back as it was
    stop_signals(stop_signals const&) = delete;
    stop_signals& operator=(stop_signals const&) = delete;

  private:
    void wait();

    net::signal_set signals_;
    std::shared_ptr<std::function<void(int)>> order_;
    struct sigaction pipe_before_
    {};
};

} // namespace covey::supervision
