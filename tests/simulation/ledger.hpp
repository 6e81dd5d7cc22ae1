// ledger: connections that were accepted, passed to workers by the real dispatch, acknowledged, and
// served or lost with who had acknowledged them. Each must end exactly once.
#pragma once

#include <covey/master/dispatch.hpp>
#include <covey/master/supervisor.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

namespace covey::simulation {

class ledger
{
  public:
    void accept() { waiting_.push_back(++accepted_); }

    // As many as there is room for, by least_loaded; `server_of` names the worker of a seat.
    // Returns who was given something.
    std::vector<std::uint64_t>
    dispatch(std::uint32_t seats,
             std::function<std::optional<std::uint64_t>(std::uint32_t)> const& server_of)
    {
        std::vector<std::uint64_t> given;
        while (!waiting_.empty()) {
            std::vector<seat_view> views(seats);
            for (std::uint32_t seat = 0; seat < seats; ++seat)
                if (auto const id = server_of(seat))
                    views[seat] = {
                        .open = true,
                        .unacknowledged = static_cast<std::uint32_t>(held_[*id].passed.size()),
                        .connections = static_cast<std::uint32_t>(held_[*id].taken.size()),
                        .life = *id};
            auto const seat = supervision::choose_seat(dispatch_policy::least_loaded, views, last_);
            if (!seat)
                break;
            last_ = *seat;
            held_[*server_of(*seat)].passed.push_back(waiting_.front());
            waiting_.pop_front();
            given.push_back(*server_of(*seat));
        }
        return given;
    }

    void acknowledge(std::uint64_t id)
    {
        auto& [passed, taken] = held_[id];
        if (passed.empty())
            return;
        taken.push_back(passed.front());
        passed.pop_front();
    }
    void serve(std::uint64_t id)
    {
        if (auto& taken = held_[id].taken; !taken.empty()) {
            end(taken.front());
            taken.pop_front();
        }
    }
    // What it had not acknowledged goes back in front of what waits, in its old order.
    void died(std::uint64_t id)
    {
        auto& [passed, taken] = held_[id];
        waiting_.insert(waiting_.begin(), passed.begin(), passed.end());
        for (auto const one : taken) // the client sees its connection end
            end(one);
        held_.erase(id);
    }
    void give_up()
    {
        for (auto const one : waiting_)
            end(one);
        waiting_.clear();
    }

    std::uint32_t passed_to(std::uint64_t id) const { return count(id, &held::passed); }
    std::uint32_t taken_by(std::uint64_t id) const { return count(id, &held::taken); }
    std::uint64_t accepted() const { return accepted_; }
    std::uint64_t ended() const { return ended_.size(); }

  private:
    struct held
    {
        std::deque<std::uint64_t> passed;
        std::deque<std::uint64_t> taken;
    };

    std::uint32_t count(std::uint64_t id, std::deque<std::uint64_t> held::*which) const
    {
        auto const at = held_.find(id);
        return at == held_.end() ? 0 : static_cast<std::uint32_t>((at->second.*which).size());
    }
    void end(std::uint64_t connection)
    {
        if (!ended_.emplace(connection, true).second)
            throw std::logic_error{"a connection was served twice"};
    }

    std::uint64_t accepted_ = 0;
    std::uint32_t last_ = 0;
    std::deque<std::uint64_t> waiting_;
    std::map<std::uint64_t, held> held_;
    std::map<std::uint64_t, bool> ended_;
};

} // namespace covey::simulation
