// office_scene: a state of several kinds, a writer and a listener, and what the listener is told as
// lines.
#pragma once

#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <array>
#include <covey/shm/counter.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/queue.hpp>
#include <covey/shm/ring.hpp>
#include <covey/shm/transaction.hpp>
#include <covey/shm/value.hpp>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace covey::test::office_scene {

using covey::change_kind;
using covey::delivery;
using covey::start;

struct office : covey::state
{
    covey::map<covey::text<16>, std::int64_t> desks{*this, "desks", covey::capacity{200}};
    covey::map<std::uint32_t, std::int64_t> rooms{*this, "rooms", covey::capacity{64}};
    covey::value<std::int64_t> motto{*this, "motto", 7};
    covey::counter doors{*this, "doors"};
    covey::ring<std::int64_t> visitors{*this, "visitors", covey::capacity{8}};
    covey::queue<std::int64_t> letters{*this, "letters", covey::capacity{8}};
};

using cluster = covey::test::test_segment<office>;
using desk_change = decltype(office::desks)::change;
using lines = std::vector<std::string>;

inline void settle(covey::subscription& changes)
{
    changes.answer();
    do
        changes.dispatch();
    while (!changes.arm());
}

inline std::string word(change_kind kind)
{
    switch (kind) {
    case change_kind::put:
        return "put";
    case change_kind::erase:
        return "erase";
    case change_kind::leave:
        return "leave";
    case change_kind::resync:
        return "resync";
    case change_kind::expire:
    case change_kind::evict:
        break;
    }
    return "other";
}

// "put ann 3", "resync start all", "resync lapped newer".
template <class Change>
std::string line(Change const& one)
{
    auto out = word(one.kind);
    if (one.kind == change_kind::resync)
        return out + (one.resync.reason == covey::resync_reason::start ? " start" : " lapped") +
               (one.resync.complete ? " all" : " newer");
    if constexpr (requires { std::string{one.key}; })
        out += " " + std::string{one.key};
    else if constexpr (requires { one.key; })
        out += " " + std::to_string(one.key);
    return one.after ? out + " " + std::to_string(*one.after) : out;
}

// A writer in block 0, and a subscription in block 1 that notes what it is told of one field.
struct desk_watch
{
    explicit desk_watch(decltype(office::desks)::watching what = {})
    {
        watch(std::move(what));
        settle(changes);
    }
    covey::watch watch(decltype(office::desks)::watching what)
    {
        return changes.on_change(
            reader->view.desks,
            [this](desk_change const& one) {
                told.push_back(line(one));
                seen.push_back(one);
            },
            std::move(what));
    }
    lines hear()
    {
        settle(changes);
        return std::exchange(told, {});
    }
    auto& desks() { return writer->view.desks; }

    cluster where{2};
    std::unique_ptr<covey::test::member<office>> writer = where.join(0);
    std::unique_ptr<covey::test::member<office>> reader = where.join(1);
    covey::subscription changes{reader->who};
    lines told;
    std::vector<desk_change> seen;
};

inline void overflow_ring(covey::test::member<office>& by)
{
    for (int i = 0; i != 5'000; ++i) // a ring has 4096
        by.view.motto.put(i);
}

} // namespace covey::test::office_scene
