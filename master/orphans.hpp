// orphans: children that were left to this process when their parents ended.
//
// A container's first process, or a subreaper (PR_SET_CHILD_SUBREAPER), gets them all, and they
// stay zombies until it waits for them. Which of its children somebody in this process has started
// the kernel does not tell; but whoever has waits for it when it ends. So a zombie that is still
// there after a second is nobody's.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace covey::supervision {

namespace net = boost::asio;

class orphans : public std::enable_shared_from_this<orphans>
{
  public:
    static constexpr std::chrono::milliseconds patience{1'000};

    // Reaps them as long as the result lives. `is_ours` tells children that are waited for,
    // however long that takes.
    static std::shared_ptr<orphans> reaped(net::any_io_executor executor,
                                           std::function<bool(std::int64_t pid)> is_ours);

    orphans(net::any_io_executor executor, std::function<bool(std::int64_t pid)> is_ours);

  private:
    using clock = std::chrono::steady_clock;
    void wait();
    void look();

    net::signal_set child_ended_;
    net::steady_timer again_;
    std::function<bool(std::int64_t)> is_ours_;
    std::map<std::int64_t, clock::time_point> zombies_; // since when they were seen
};

// Whether orphans come to this process.
bool inherits_orphans();

} // namespace covey::supervision
