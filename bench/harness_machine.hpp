// harness_machine: where a bench ran, and whether it was left alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace covey::bench {

using keyed_figures = std::vector<std::pair<std::string, std::optional<double>>>;

// "unknown" stands for what the machine does not tell.
struct machine
{
    // Above this share of time taken by the host, figures are not to be quoted.
    static constexpr double steal_percent_quiet = 5;

    std::string cpu;
    unsigned cpus = 0; // that this process may use
    std::string kernel;
    std::string commit; // of the tree this was built from; "-dirty" when it has other changes
    std::string build;  // build type and sanitizers
    std::string settings = {};
    double steal_percent = 0;
    keyed_figures more = {}; // that a bench has besides
};

machine this_machine();

// The time since it was made that the host gave to others while this machine had work.
class steal_meter
{
  public:
    steal_meter();
    double percent() const;

  private:
    struct ticks
    {
        std::uint64_t all = 0;
        std::uint64_t stolen = 0;
    };
    static ticks now();

    ticks start_;
};

} // namespace covey::bench
