// bell_watch: wakes the master when a writer leaves the ringing of many sleepers to it
// (shm/doorbell_relay.hpp). One read that waits: an idle cluster's master sleeps.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <covey/protocol/readiness.hpp>
#include <covey/shm/doorbell_relay.hpp>
#include <memory>
#include <optional>

namespace covey::supervision {

namespace net = boost::asio;

class bell_watch : public std::enable_shared_from_this<bell_watch>
{
  public:
    bell_watch(net::any_io_executor executor, std::shared_ptr<shm::arena> memory,
               std::shared_ptr<doorbells const> bells);

    void start(); // from now on writers leave it to us; throws system_error
    void stop();  // from now on they ring themselves

  private:
    void wait();
    void ring();

    net::any_io_executor executor_;
    std::shared_ptr<shm::arena> memory_;
    std::shared_ptr<doorbells const> bells_;
    std::optional<doorbell_relay> relay_;
    std::optional<protocol::readiness> rung_;
};

} // namespace covey::supervision
