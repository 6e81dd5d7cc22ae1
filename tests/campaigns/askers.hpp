// askers: clients that ask over connections they keep, with pauses at random, so that some of them
// are idle whenever a connection is ended. What a client may not see, however workers come and go:
// a connection that is refused, one that ends before its first answer, or one that is reset. What
// it may see: a connection that had been idle ends just when it asks again; then it asks on a new
// one, as every HTTP client does.
#pragma once

#include "cluster/cluster.hpp"
#include "support/campaign.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace covey::test {

class askers
{
  public:
    askers(cluster const& where, int count, std::string path, std::chrono::milliseconds pause_max);
    ~askers();
    askers(askers const&) = delete;
    askers& operator=(askers const&) = delete;

    // Answered requests, of all so far.
    std::int64_t answered() const { return answered_; }

    // Waits until each of them has been answered once more.
    bool all_go_on();

    // Ends the load, and counts.
    void leave(campaign& run);

  private:
    struct asker
    {
        std::atomic<std::int64_t> answered{0};
        std::size_t crossed = 0; // asked on a connection that was just being ended
        std::vector<std::string> failed;
    };
    void run(asker& self, std::uint64_t seed);
    void join();

    cluster const& where_;
    std::string path_;
    std::chrono::milliseconds pause_max_;
    std::atomic<bool> stop_{false};
    std::atomic<std::int64_t> answered_{0};
    std::vector<std::unique_ptr<asker>> all_;
    std::vector<std::thread> threads_;
};

} // namespace covey::test
