// control_desk: where tools are attended to: a socket, those who are being talked to, and what they
// may ask of the cluster.
//
// Only this user and root get in: the file says so, and the kernel is asked who has connected. When
// there are `sessions_max` already, the one that has been idle for longest, or else the oldest, is
// hung up on: whoever holds connections without using them keeps nobody out.
#pragma once

#include "control_session.hpp"
#include "control_socket.hpp"

#include <chrono>
#include <covey/protocol/accept_loop.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace covey::supervision {

class cluster_core;

class control_desk final : private controlled, public std::enable_shared_from_this<control_desk>
{
  public:
    static constexpr std::size_t sessions_max = 16;

    // Throws start_error. `core` outlives close().
    control_desk(net::any_io_executor executor, std::string const& path, cluster_core& core);

    void open();
    void close(); // removes the socket's file, hangs up on everybody

  private:
    void take(handle socket);
    void make_room();
    void forget(control_session const& session);

    protocol::control::cluster describe() const override;
    std::vector<protocol::control::worker> list_workers() const override;
    handle lend_segment() const override;
    void reload(reload_handler handler) override;
    std::string scale(std::uint32_t workers) override;
    void stop(bool now) override;

    net::any_io_executor executor_;
    cluster_core* core_;
    std::unique_ptr<control_socket> socket_;
    std::shared_ptr<protocol::accept_loop> door_;
    std::vector<std::shared_ptr<control_session>> sessions_;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

} // namespace covey::supervision
