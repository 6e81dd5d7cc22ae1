// accept_loop: accepts from one listening socket, as long as someone has room for connections.
//
// A pause leaves connections in the kernel's backlog, where they cost this process nothing. When
// descriptors run out the loop pauses itself for 100 ms: the socket stays readable then, so
// waiting for it would spin.
#pragma once

#include "readiness.hpp"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace covey::supervision {

class accept_loop : public std::enable_shared_from_this<accept_loop>
{
  public:
    static constexpr std::size_t batch = 16; // accepted in a row before the loop gets its turn
    static constexpr std::chrono::milliseconds pause_when_full{100};

    // `take` gets every connection: non-blocking, close-on-exec. It may call anything here.
    accept_loop(net::any_io_executor executor, shared_handle socket, std::string address,
                std::function<void(handle)> take);

    void resume(); // begins paused
    void pause();

    // Accepts what the backlog holds at this moment, at most `most`, and pauses.
    void sweep(std::size_t most);

  private:
    enum class outcome { taken, none, exhausted };
    outcome accept_one();
    void wait();
    void accept_batch();
    void rest();
    std::function<void(boost::system::error_code)> when_woken(); // what either wait ends in

    shared_handle socket_;
    std::string address_;
    std::function<void(handle)> take_;
    net::steady_timer rest_timer_;
    readiness readable_;
    bool paused_ = true;
    bool waiting_ = false; // one wait at a time: for the socket or for the timer
    bool exhausted_ = false;
};

} // namespace covey::supervision
