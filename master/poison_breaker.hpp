// poison_breaker: workers that die again and again holding the same lock die of what they do there.
// Pure: repairs go in with the time, regions to quarantine come out.
//
// A row that crashes whoever updates it would take down one worker after another, as fast as the
// restarts bring them. A SIGKILL from outside hits a lock's owner too, but rarely the same region
// so often: a write holds it for about a microsecond.
#pragma once

#include <chrono>
#include <covey/shm/segment.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

namespace covey::supervision {

class poison_breaker
{
  public:
    using time_point = std::chrono::steady_clock::time_point;

    static constexpr std::size_t deaths_max = 5; // in one region; the next one quarantines it
    static constexpr std::chrono::seconds period{60};

    // Takes what segment::repairs() says; what it has seen before it passes over. Returns the
    // regions that have had enough.
    std::vector<region> add(time_point now, std::vector<repair_report> const& repairs);

    void forget() { deaths_.clear(); }

  private:
    std::uint64_t seen_ = 0; // the number of the newest repair
    std::map<region, std::deque<time_point>> deaths_;
};

} // namespace covey::supervision
