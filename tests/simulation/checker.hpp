// checker: what must hold whatever happens. It sees every order in its turn, and what the world
// did; it knows nothing of the supervisor's inside. A violation is a std::logic_error that says
// which.
#pragma once

#include <covey/master/orders.hpp>
#include <covey/master/supervisor.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace covey::simulation {

using namespace covey::supervision;

class checker
{
  public:
    explicit checker(supervisor_plan const& plan)
        : plan_{plan}
    {}

    // ---- what the world did ----
    void has_excuse(std::uint64_t id) { excused_.insert(id); } // this life may leave its seat now
    void forked(order::fork const& one);
    void not_forked(std::uint64_t id);
    void died(std::uint64_t id) { dead_.insert(id); }
    void reaped(std::uint64_t id);
    void asked(std::uint64_t request) { asked_.insert(request); }
    void scaled(std::uint32_t seats) { seats_ = seats; }

    // ---- what the supervisor wants, in its turn ----
    void ordered(order_to_do const& one);

    // After each step, when everything has been carried out.
    void looked(supervisor const& machine, time_point now);
    // The cluster has been quiet for long.
    void is_quiet(supervisor const& machine);
    void is_over() const;

    std::optional<std::uint64_t> server_of(std::uint32_t seat) const;
    bool finished() const { return finished_; }
    std::size_t exits() const { return exits_; }

  private:
    struct worker
    {
        std::uint32_t seat = 0;
        std::uint32_t block = 0;
        std::uint32_t generation = 0;
        int last = -1; // rank of the latest fact
        std::set<fact> told;
        bool ready = false;
        bool leaving = false; // told to, killed, or it said so
    };

    void check(order::fork const& it);
    void check(order::stop const& it);
    void check(order::signal const& it);
    void check(order::serve const& it);
    void check(order::reap const& it);
    void check(order::tell const& it);
    void check(order::verdict const& it);
    void check(order::look const&) {}
    void check(order::announce const&);
    void check(order::finish const&);
    void reload_began();
    worker& known(std::uint64_t id);

    supervisor_plan plan_;
    std::uint32_t seats_ = 0;
    std::map<std::uint64_t, worker> workers_; // until their block is reaped or their fork failed
    std::map<std::uint32_t, std::uint64_t> owner_of_; // block
    std::map<std::uint32_t, std::uint64_t> serves_;   // seat
    std::set<std::uint64_t> excused_;
    std::set<std::uint64_t> dead_;
    std::set<std::uint64_t> asked_;
    std::uint64_t last_id_ = 0;
    std::size_t exits_ = 0;
    bool reloading_ = false;
    bool announced_ = false;
    bool may_stop_ = false; // by itself: given up, or it cannot start
    bool finished_ = false;
};

} // namespace covey::simulation
