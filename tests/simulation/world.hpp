// world: what surrounds the supervisor in a simulation: workers that boot, serve, hang, crash,
// leave, refuse, ignore orders; a kernel that reports in any order and late; blocks whose reaping
// takes time; forks that fail; people with wishes. One random number decides each step.
#pragma once

#include "simulation/checker.hpp"
#include "simulation/ledger.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <set>

namespace covey::simulation {

class world
{
  public:
    explicit world(std::uint64_t seed);

    void start();
    void step();         // anything may happen
    void become_quiet(); // nothing bad happens any more: the cluster must come back
    void stop();         // it must finish
    bool finished() const { return checker_.finished(); }
    std::size_t exits() const { return checker_.exits(); }
    std::uint64_t connections() const { return ledger_.accepted(); }

  private:
    struct process
    {
        std::uint32_t seat = 0;
        bool online = false;
        bool ready = false;
        bool told = false;     // to stop
        bool stubborn = false; // ignores that
        bool hangs = false;
        bool dead = false;
        exit_status status;
        std::uint64_t beats = 0;
        bool exit_known = false; // to the master
        bool end_known = false;
        bool close_known = false;
    };

    static supervisor_plan draw_plan(std::mt19937_64& random);
    std::uint64_t below(std::uint64_t bound);
    bool one_in(std::uint64_t chance) { return below(chance) == 0; }

    void carry_out();
    void execute(order_to_do const& one);
    void fork(order::fork const& it);
    void look();
    void pass(milliseconds time);
    void after_input();

    void wish();
    void worker_does(std::uint64_t id, process& it);
    void something_bad(std::uint64_t id, process& it);
    void dies(std::uint64_t id, process& it, exit_status status);
    void report(std::uint64_t id, process& it); // one of what the master does not know yet
    void report_everything();
    void live_on(int rounds);
    void serve_connections();
    process* anybody(std::uint64_t& id);

    std::mt19937_64 random_;
    supervisor_plan plan_;
    time_point now_;
    supervisor machine_;
    checker checker_;
    ledger ledger_;
    std::map<std::uint64_t, process> processes_;
    std::map<std::uint64_t, std::uint32_t> to_reap_;
    bool quiet_ = false;
    bool drained_ = false;
    bool fatal_codes_ = false;
};

} // namespace covey::simulation
