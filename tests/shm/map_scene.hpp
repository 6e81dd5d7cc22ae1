// A map and a value as the crash tests have them, what is done to them, and what is there before
// and after.
#pragma once

#include "support/test_segment.hpp"

#include <covey/shm/arena.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/value.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace covey::test::map_scene {

struct twin // both halves always agree
{
    std::int64_t left = 0;
    std::int64_t right = 0;
    friend bool operator==(twin const&, twin const&) = default;
};
BOOST_DESCRIBE_STRUCT(twin, (), (left, right))

inline constexpr std::uint64_t room = 6;

struct tiny : covey::state // one shard, so that every writer meets the dead one's lock
{
    covey::value<twin> best{*this, "best"};
    covey::map<covey::text<8>, twin> rows{*this, "rows", covey::capacity{room}};
};

using contents = std::map<std::string, twin>;
using cluster = covey::test::test_segment<tiny>;
using member = covey::test::member<tiny>;

inline contents rows_of(tiny const& view)
{
    contents out;
    view.rows.for_each(
        [&](auto const& key, twin const& row, auto) { out[std::string{key}] = row; });
    return out;
}

struct operation
{
    std::string name;
    std::function<void(tiny&)> run;
};

// Rows a, b, c, d exist; two cells are free.
inline std::vector<operation> const operations{
    {"update",
     [](tiny& view) {
         view.rows.put("b", {9, 9});
     }},
    {"insert",
     [](tiny& view) {
         view.rows.put("new", {9, 9});
     }},
    {"erase", [](tiny& view) { view.rows.erase("b"); }},
    {"fetch and modify",
     [](tiny& view) {
         view.rows.update("c", [](auto const& now) {
             return std::optional{twin{now->left + 1, now->right + 1}};
         });
     }},
    {"compare and set",
     [](tiny& view) {
         view.rows.compare_and_set("d", 4, {9, 9});
     }},
    {"value",
     [](tiny& view) {
         view.best.put({9, 9});
     }},
};

// The same keys in the same buckets in every run, so that every run takes the same way.
inline constexpr std::uint64_t fixed_secret = 42;

inline void seed(cluster const& world)
{
    world.memory.memory()->head().secret = fixed_secret;
    auto const first = world.join(0);
    std::int64_t n = 0;
    for (char const* key : {"a", "b", "c", "d"}) {
        ++n;
        first->view.rows.put(key, {n, n});
    }
}

// What the world looks like before and after the operation, when nobody dies.
struct expectation
{
    contents before;
    contents after;
    twin best_after;
};

inline expectation expect(operation const& op)
{
    cluster world{2};
    seed(world);
    auto const me = world.join(0);
    expectation out;
    out.before = rows_of(me->view);
    op.run(me->view);
    out.after = rows_of(me->view);
    out.best_after = me->view.best.get();
    return out;
}

} // namespace covey::test::map_scene
