// visitors: load on a board, with an account of it. Every visitor keeps a connection as long as it
// lives and asks without a pause; it remembers what was acknowledged, so that the board can be
// compared with it afterwards. A request that failed is explained by a worker that was killed, or
// it is a failure of the cluster.
#pragma once

#include "cluster/cluster.hpp"
#include "support/campaign.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <sys/types.h>
#include <thread>
#include <utility>
#include <vector>

namespace covey::test {

using test_clock = std::chrono::steady_clock;

// Whom the test has ended, and when.
class victims
{
  public:
    void kill(pid_t pid);

    // On a connection that `worker` has answered on.
    bool explain(pid_t worker) const;

    // On a connection that nobody has answered on yet, from `began` until now.
    bool explain_since(test_clock::time_point began) const;

    std::size_t count() const;

  private:
    mutable std::mutex mutex_;
    std::vector<std::pair<pid_t, test_clock::time_point>> killed_;
};

struct tally
{
    std::int64_t sent = 0;
    std::int64_t acknowledged = 0;

    tally& operator+=(tally const& other)
    {
        sent += other.sent;
        acknowledged += other.acknowledged;
        return *this;
    }
};

class visitors
{
  public:
    visitors(cluster const& where, victims const& killed, int count);
    ~visitors();
    visitors(visitors const&) = delete;
    visitors& operator=(visitors const&) = delete;

    // Ends the load; then compares the board with what its visitors know, and counts.
    void leave_and_compare(campaign& run);

    // Answered requests, of all so far.
    std::int64_t answered() const { return answered_; }

    // Who has answered one: workers that have been ready.
    std::vector<pid_t> served_by() const;

  private:
    struct visitor;
    void leave();
    void count(pid_t worker);

    cluster const& where_;
    std::atomic<bool> stop_{false};
    std::atomic<std::int64_t> answered_{0};
    mutable std::mutex mutex_;
    std::set<pid_t> served_by_;
    std::vector<std::unique_ptr<visitor>> all_;
    std::vector<std::thread> threads_;
};

} // namespace covey::test
