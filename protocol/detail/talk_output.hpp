// talk_output: what a messenger says: the window it may fill, the requests and handles that wait
// for the peer's answer, and what had to wait for the channel.
#pragma once

#include "lent_handles.hpp"
#include "pending_requests.hpp"
#include "waiting_list.hpp"

#include <covey/protocol/messages.hpp>
#include <covey/protocol/messenger.hpp>

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace covey::protocol::detail {

// In the window: the body, 256 bytes for keeping it, and 16 KiB a handle, for those are scarce.
std::size_t weight_of(talk const& said);

class talk_output : public std::enable_shared_from_this<talk_output>
{
  public:
    struct events
    {
        std::function<void(std::string)> trouble;
        std::function<void()> room; // has_backlog() has become false
    };
    talk_output(net::any_io_executor executor, messenger::carrier by, messenger_limits limits,
                events tell);

    void carry_by(messenger::carrier by) { carrier_ = std::move(by); }

    // ---- for the application: messenger.hpp says how they complete ----
    send_status send(datum const& body, std::vector<passed_handle> handles);
    void request(datum const& body, std::vector<passed_handle> handles,
                 std::chrono::milliseconds timeout, pending_requests::handler handler);
    void wait_drained(waiting_list::handler handler) { wait_in(*drained_, std::move(handler)); }
    void wait_flushed(waiting_list::handler handler) { wait_in(*flushed_, std::move(handler)); }

    // ---- for the messenger ----
    // A reply must arrive although the application did not choose the moment: it waits behind a
    // full queue. Few of them can: no request is started while one does.
    void reply(talk_kind kind, std::uint64_t number, std::vector<unsigned char> body);
    bool has_backlog() const { return !backlog_.empty(); }
    void receipt(talk_kind kind, std::uint64_t number);

    // ---- what the peer says about it ----
    void taken(std::uint64_t number);
    void lost(std::uint64_t number);
    void credited(std::uint64_t bytes);
    void replied(talk const& said);

    // ---- the end ----
    void close() { is_closed_ = true; } // sends nothing new
    bool is_open() const { return !is_closed_ && !ended_; }
    void end(boost::system::error_code reason);
    void abandon(); // the loop is gone: drops handlers uncalled

  private:
    send_status speak(talk_kind kind, std::uint64_t number, datum const& body,
                      std::vector<passed_handle>& handles);
    void must_send(talk said, std::vector<shared_handle> handles);
    void wait_in(waiting_list& list, waiting_list::handler handler);
    void watch();
    void on_room();
    void let_go();
    void on_lifeline(boost::system::error_code) {}

    messenger::carrier carrier_;
    messenger_limits limits_;
    events tell_;
    std::uint64_t numbers_ = 0;   // of requests, and of messages with handles
    std::size_t outstanding_ = 0; // in the window: the peer's application has not taken it
    std::deque<std::pair<talk, std::vector<shared_handle>>> backlog_;
    std::shared_ptr<pending_requests> pending_;
    std::shared_ptr<lent_handles> lent_;
    std::shared_ptr<waiting_list> drained_;
    std::shared_ptr<waiting_list> flushed_;
    net::steady_timer lifeline_; // never expires; see wait_in()
    bool lifeline_is_out_ = false;
    bool is_watching_ = false; // the channel tells when it has sent all
    bool is_closed_ = false;
    boost::system::error_code ended_;
};

} // namespace covey::protocol::detail
