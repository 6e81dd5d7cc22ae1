// supervised: a supervisor and the little a test needs around it: a clock that stands still, forks
// that are answered at once, and a record of every order.
#pragma once

#include <algorithm>
#include <chrono>
#include <covey/master/supervisor.hpp>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace covey::test {

using namespace covey::supervision;
using namespace std::chrono_literals;

inline exit_status by_code(int code)
{
    exit_status out;
    out.code = code;
    return out;
}

inline exit_status by_signal(int number)
{
    exit_status out;
    out.signal = number;
    return out;
}

inline supervisor_plan plan_for(std::uint32_t workers)
{
    supervisor_plan out;
    out.workers = workers;
    out.workers_max = 2 * workers;
    out.blocks = 3 * workers;
    return out;
}

struct supervised
{
    explicit supervised(supervisor_plan plan, double random = 0.0)
        : machine{plan, [random] { return random; }}
    {}

    supervisor machine;
    time_point now{1'000s};
    std::vector<order_to_do> orders;
    boost::system::error_code fork_fails;
    bool reaps = true; // blocks are reaped at once

    // Carries out what has been ordered.
    void run()
    {
        for (auto some = machine.take_orders(); !some.empty(); some = machine.take_orders())
            for (auto& one : some) {
                orders.push_back(one);
                if (auto const* fork = std::get_if<order::fork>(&one))
                    fork_fails ? machine.not_forked(now, fork->id, fork_fails)
                               : machine.forked(now, fork->id);
                if (auto const* reap = std::get_if<order::reap>(&one); reap && reaps)
                    machine.reaped(now, reap->id);
            }
    }
    void start()
    {
        machine.start(now);
        run();
    }
    // A machine whose seats all serve.
    void start_ready()
    {
        start();
        all_ready();
    }

    // ---- workers do ----
    void online(std::uint64_t id)
    {
        machine.online(now, id);
        run();
    }
    void ready(std::uint64_t id)
    {
        online(id);
        machine.listening(now, id, 0);
        machine.ready(now, id);
        run();
    }
    void all_ready()
    {
        for (bool more = true; more;) {
            more = false;
            for (auto const& one : machine.lives())
                if (one.state == life_state::forked) {
                    ready(one.id);
                    more = true;
                }
        }
    }
    void dies(std::uint64_t id, exit_status status, std::string words = {})
    {
        machine.exited(now, id, status, std::move(words));
        machine.disconnected(now, id);
        machine.closed(now, id);
        run();
    }
    void suicide(std::uint64_t id)
    {
        machine.suicide(now, id, "tired");
        run();
    }
    // To every life that was told to stop or killed.
    void the_leaving_leave()
    {
        for (auto const& one : machine.lives())
            if (one.planned && one.state != life_state::dead)
                dies(one.id, by_code(0));
    }

    // ---- time passes ----
    void pass(milliseconds time)
    {
        auto const until = now + time;
        while (machine.next() && *machine.next() <= until) {
            now = std::max(now, *machine.next());
            machine.tick(now);
            run();
        }
        now = until;
    }

    // ---- looks ----
    std::optional<std::uint64_t> serving(std::uint32_t seat) const
    {
        for (auto const& one : machine.lives())
            if (one.seat == seat && one.serves)
                return one.id;
        return std::nullopt;
    }
    template <class Order>
    std::vector<Order> all() const
    {
        std::vector<Order> out;
        for (auto const& one : orders)
            if (auto const* it = std::get_if<Order>(&one))
                out.push_back(*it);
        return out;
    }
    std::vector<order::tell> told(fact what) const
    {
        auto out = all<order::tell>();
        out.erase(std::remove_if(out.begin(), out.end(),
                                 [&](auto const& one) { return one.what != what; }),
                  out.end());
        return out;
    }
    // The facts of one life, in order: "fork online ready".
    std::string story(std::uint64_t id) const
    {
        std::string out;
        for (auto const& one : all<order::tell>())
            if (one.id == id)
                out += (out.empty() ? "" : " ") + std::string{name(one.what)};
        return out;
    }
    std::vector<int> signals(std::uint64_t id) const
    {
        std::vector<int> out;
        for (auto const& one : all<order::signal>())
            if (one.id == id)
                out.push_back(one.number);
        return out;
    }
    std::optional<order::stop> stopped(std::uint64_t id) const
    {
        std::optional<order::stop> out;
        for (auto const& one : all<order::stop>())
            if (one.id == id)
                out = one;
        return out;
    }
    std::optional<std::string> finished() const
    {
        auto const all_of_them = all<order::finish>();
        return all_of_them.empty() ? std::nullopt : std::optional{all_of_them.back().failure};
    }
    std::size_t forks() const { return all<order::fork>().size(); }
    std::uint64_t newest() const { return all<order::fork>().back().id; }
};

} // namespace covey::test
