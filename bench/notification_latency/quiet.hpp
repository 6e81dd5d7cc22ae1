// quiet: whether the machine was left alone while something was measured.
//
// Asked of the host (steal), and of everybody else here: how busy the CPUs are while the bench does
// nothing, before its first round; and what they did during the run that neither the bench nor its
// descendants did.
#pragma once

#include <cstdint>
#include <harness_machine.hpp>
#include <string>

namespace covey::bench {

// In ticks.
struct cpu_time
{
    std::uint64_t all = 0;
    std::uint64_t idle = 0;
    static cpu_time now(); // of all CPUs, since the machine was started
};

class quiet_watch
{
  public:
    // Above this share of all CPUs used by others, figures are not to be quoted.
    static constexpr double others_percent_quiet = 10;

    quiet_watch(); // looks for half a second; start nothing before
    void end();    // only descendants that have ended and been waited for count as the bench's

    bool is_quiet() const;
    double steal_percent() const { return steal_percent_; }
    double others_percent() const { return others_percent_; } // the more of before and during
    double load() const { return load_; }                     // of the minute before

    // "quiet: ..." or "NOISY: ..., so these figures are not to be quoted", with the numbers.
    std::string verdict() const;

  private:
    double load_;
    double others_percent_;
    steal_meter steal_;
    cpu_time start_;
    double own_start_seconds_;
    double steal_percent_ = 0;
};

} // namespace covey::bench
