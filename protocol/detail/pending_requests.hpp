// pending_requests: requests that wait for their replies, and the one timer that ends the waiting.
//
// Every handler is completed exactly once: by a reply, its deadline, its cancellation, or the end
// of the conversation. Whoever answers a number that does not wait says nothing new: a duplicate,
// a reply that comes too late, or a lie.
#pragma once

#include "waiting_list.hpp"

#include <covey/protocol/message.hpp>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>

namespace covey::protocol::detail {

class pending_requests : public std::enable_shared_from_this<pending_requests>
{
  public:
    using handler = net::any_completion_handler<void(boost::system::error_code, message)>;

    pending_requests(net::any_io_executor executor, std::size_t most)
        : most_{most}
        , timer_{std::move(executor)}
    {}

    bool is_full() const { return waiting_.size() >= most_; }

    // `number` is new.
    void add(std::uint64_t number, std::chrono::milliseconds timeout, handler waits);

    void complete(std::uint64_t number, boost::system::error_code result, message reply = {});
    void fail_all(boost::system::error_code reason);

    // Completes a request that was never added.
    void refuse(handler refused, boost::system::error_code reason);

    // The loop is gone: drops every handler uncalled.
    void abandon();

  private:
    using clock = std::chrono::steady_clock;
    struct request
    {
        clock::time_point deadline;
        handler waits;
    };

    void arm();
    void on_deadline(boost::system::error_code failed);

    std::size_t most_;
    net::steady_timer timer_;
    bool armed_ = false; // for the time of timer_.expiry()
    std::map<std::uint64_t, request> waiting_;
    std::set<std::pair<clock::time_point, std::uint64_t>> deadlines_; // one each of waiting_
};

} // namespace covey::protocol::detail
