// control_session: one tool's conversation with the master.
//
// A request is answered before the next one is read, so a tool can make the master hold one
// answer and no more. Who does not finish a request, or does not read an answer, within `patience`
// is hung up on; so is who breaks the protocol. While a reload is under way a tool may wait as long
// as that takes. What a tool says is untrusted.
#pragma once

#include "conductor.hpp"

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <covey/protocol/channel.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace covey::supervision {

// What tools ask and order. Called from the session's loop.
class controlled
{
  public:
    virtual protocol::control::cluster describe() const = 0;
    virtual std::vector<protocol::control::worker> list_workers() const = 0;
    virtual handle lend_segment() const = 0; // for reading only; throws system_error
    virtual void reload(reload_handler handler) = 0;
    virtual std::string scale(std::uint32_t workers) = 0; // why not; empty when it is done
    virtual void stop(bool now) = 0;                      // later than this call

  protected:
    ~controlled() = default;
};

class control_session : public std::enable_shared_from_this<control_session>
{
  public:
    static constexpr std::chrono::milliseconds patience{10'000};

    // `over` is called from the loop, once, unless the session was ended by end(). Throws
    // system_error when the socket cannot be watched.
    control_session(net::any_io_executor const& executor, handle socket, controlled& cluster,
                    std::function<void(control_session const&)> over);

    void start();
    void end();                              // no call of `cluster` or `over` from here on
    bool is_idle() const { return !works_; } // it has asked nothing that is not answered

  private:
    using from_tool = protocol::from_tool;
    void receive();
    void heard(boost::system::error_code failed, from_tool said);
    void answer(from_tool const& said);
    void reply(protocol::control::hello const& said);
    void reply(protocol::control::lend_segment const& said);
    void reply(protocol::control::list_workers const& said);
    void reply(protocol::control::reload const& said);
    void reply(protocol::control::scale const& said);
    void reply(protocol::control::stop const& said);
    void say(protocol::to_tool const& message, std::vector<shared_handle> handles = {});
    void refuse(std::string reason);
    void answered();
    void be_patient();
    void hang_up();

    protocol::control_channel channel_;
    controlled* cluster_; // null once it is over
    std::function<void(control_session const&)> over_;
    net::steady_timer patience_;
    bool greeted_ = false;            // in a version that we speak
    bool works_ = false;              // a request is being answered
    std::optional<from_tool> next_{}; // that came meanwhile
};

} // namespace covey::supervision
