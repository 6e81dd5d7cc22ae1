// lane: one store with one number of keys, set up for the length of the bench, and its players,
// each held on a CPU of its own.
#pragma once

#include "store.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace covey::bench {

class lane
{
  public:
    // Sets the store up, fills it, and waits for its players. Throws runtime_error.
    lane(store const& what, std::uint64_t keys, unsigned players, scratch const& files);
    lane(lane&&) = default;

    std::string const& name() const { return name_; }
    unsigned players() const { return static_cast<unsigned>(players_.size()); }

    // The first `players` of them all at once: nanoseconds an operation.
    std::vector<double> play(std::string const& what, unsigned writes_percent, unsigned players,
                             std::chrono::milliseconds length);

  private:
    std::string name_;
    running_store running_;
    std::vector<line_socket> players_; // gone first: a player whose socket ends has to go
};

} // namespace covey::bench
