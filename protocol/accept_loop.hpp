// accept_loop: accepts from one listening socket, as long as its owner wants connections. The
// master's and a worker's are the same.
//
// A paused loop leaves connections in the kernel's backlog, where they cost this process nothing.
// When descriptors run out, or accept fails in a way it does not know, the loop pauses itself for
// 100 ms: the socket stays readable then, so waiting for it would spin. Errors that accept(2)
// passes on from a connection that broke while it waited (ECONNABORTED, EPROTO, the network's) are
// about that connection alone: it goes on.
#pragma once

#include "readiness.hpp"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

struct sockaddr_storage;

namespace covey::protocol {

class accept_loop : public std::enable_shared_from_this<accept_loop>
{
  public:
    static constexpr std::size_t batch_max = 16;
    static constexpr std::chrono::milliseconds pause_when_full{100};

    // Gets every connection, non-blocking and close-on-exec, and the client's address; its family
    // says whether there is one. It may call anything here.
    using taker = std::function<void(handle, sockaddr_storage const&)>;

    // `batch`: so many are accepted in a row before the loop's other work gets its turn.
    accept_loop(net::any_io_executor executor, shared_handle socket, std::string address,
                taker take, std::size_t batch = batch_max);

    // Begins paused. Throws system_error when the socket cannot be watched.
    void resume();

    // A socket that becomes readable while the loop is paused costs one wake-up, and a pause no
    // system call.
    void pause();

    // Pauses and takes the socket out of this process's epoll set: connections wake others only.
    // Closing a descriptor would not do it, for the open file is shared with other processes
    // (epoll(7), question 6).
    void leave();

    // Called whenever descriptors have run out and the loop rests; it may call anything here.
    void on_rest(std::function<void()> call) { on_rest_ = std::move(call); }

    // Accepts what the backlog holds at this moment, at most `most`, and pauses.
    void sweep(std::size_t most);

    // Connections accepted, and times that the loop was woken for them.
    std::uint64_t accepted() const { return accepted_; }
    std::uint64_t wakes() const { return wakes_; }

  private:
    enum class outcome { taken, broken, none, useless };
    outcome accept_one();
    void wait();
    void accept_batch();
    void rest();
    std::function<void(boost::system::error_code)> when_woken(); // what either wait ends in

    net::any_io_executor executor_;
    shared_handle socket_;
    std::string address_;
    taker take_;
    std::function<void()> on_rest_;
    std::size_t batch_;
    net::steady_timer rest_timer_;
    std::optional<readiness> readable_; // while the socket is in the epoll set
    bool paused_ = true;
    bool waiting_ = false;   // one wait at a time: for the socket or for the timer
    std::uint64_t wait_ = 0; // its number: one that was over when the loop left is not heard
    bool resting_ = false;   // and that has been said
    std::uint64_t accepted_ = 0;
    std::uint64_t wakes_ = 0;
};

} // namespace covey::protocol
