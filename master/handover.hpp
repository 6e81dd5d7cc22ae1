// handover: the connections on their way to one worker, from the dispatcher's choice until the
// worker has said that it has them.
//
// Connections that are chosen in one turn of the loop leave together: one message, one system call
// and one acknowledgement for several of them. Pure: it keeps the books, its owner sends.
#pragma once

#include "client_address.hpp"

#include <chrono>
#include <covey/protocol/handle.hpp>
#include <covey/protocol/messages.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace covey::supervision {

// A connection the master has accepted. Its socket stays open here until a worker has taken it.
struct passed_connection
{
    shared_handle socket;
    std::uint32_t listener = 0;
    std::uint32_t rejections = 0;
    std::optional<std::uint32_t> rejected_by; // the last seat that gave it back
    client_address from{};
    std::uint64_t arrival = 0; // rises in the order in which connections were accepted
    std::optional<std::chrono::steady_clock::time_point> unwanted_since{}; // nobody took it
};

class handover
{
  public:
    // Half of a window: while the worker takes these, the next are on their way.
    static constexpr std::size_t message_max = 8;

    struct parcel
    {
        protocol::connection message;
        std::vector<shared_handle> handles;
    };

    void add(passed_connection connection);

    // The connections that have waited longest and may leave as one message; none when all have
    // left. The same ones until left() is called.
    std::optional<parcel> next() const;
    void left(parcel const& sent);

    // What the worker says, who may say anything: a ticket that has not left or that has been
    // answered is nobody's. How many it took; which one it gave back.
    std::size_t accepted(std::uint64_t ticket);
    std::optional<passed_connection> rejected(std::uint64_t ticket);

    // All of them, in the order they came: the worker is gone.
    std::vector<passed_connection> take_all();

    std::size_t size() const { return waiting_.size(); }

  private:
    struct entry
    {
        std::uint64_t ticket = 0; // rises along the queue, is never reused
        passed_connection connection;
    };

    std::deque<entry> waiting_;
    std::uint64_t next_ticket_ = 1;
    std::uint64_t not_left_ = 1; // the first ticket that has not left
};

} // namespace covey::supervision
