// Rows that live for a time, and maps that make room.
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <covey/shm/expiry.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/value.hpp>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <thread>

namespace retention_test {

using covey::change_kind;
using covey::erase_result;
using covey::put_result;
using covey::when_full;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t room = 8;

struct kept : covey::state
{
    covey::map<std::uint32_t, std::int64_t> plain{*this, "plain", covey::capacity{room}};
    covey::map<covey::text<8>, std::int64_t> sessions{
        *this,
        "sessions",
        covey::capacity{room},
        {.expires = true, .full = when_full::expire_only}};
    covey::map<std::uint32_t, std::int64_t> cache{
        *this, "cache", covey::capacity{room}, {.expires = true, .full = when_full::evict}};
};

using cluster = covey::test::test_segment<kept>;

constexpr auto soon = 1ms;

// What a handler of on_change on `sessions` was told, in order.
struct heard
{
    heard(covey::test::member<kept>& by)
        : changes{by.who}
    {
        changes.on_change(
            by.view.sessions,
            [this](auto const& one) {
                kinds.push_back(one.kind);
                keys.emplace_back(one.key);
            },
            covey::test::every_change);
    }
    covey::subscription changes;
    std::vector<change_kind> kinds;
    std::vector<std::string> keys;
};

} // namespace

TEST_CASE("a row whose time is over is not there, whoever looks and however")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    auto& sessions = one->view.sessions;
    REQUIRE(sessions.put("brief", 1, soon).stored());
    REQUIRE(sessions.put("long", 2, 1h).stored());
    REQUIRE(sessions.put("ever", 3).stored());
    REQUIRE(wait_until([&] { return !two->view.sessions.get("brief"); }));
    std::set<std::string> seen;
    two->view.sessions.for_each(
        [&](auto const& key, auto, auto) { seen.insert(std::string{key}); });
    CHECK(seen == std::set<std::string>{"long", "ever"});
    CHECK(sessions.erase("brief") == erase_result::missing);
    CHECK(sessions.compare_and_set("brief", 1, 5) == put_result::missing);
    CHECK(sessions.replace("brief", 5) == put_result::missing);
    CHECK(sessions.update("brief", [](std::optional<std::int64_t> const& now) {
        CHECK_FALSE(now);
        return std::optional<std::int64_t>{};
    }) == put_result::unchanged);
    CHECK(sessions.add("brief", 9) == put_result::stored);
    CHECK(two->view.sessions.get("brief") == 9);
}

TEST_CASE("a row is there until its time is over and not afterwards, though nobody sweeps")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    constexpr std::uint64_t lives = 30'000'000; // nanoseconds
    auto const before = covey::shm::coarse_now();
    REQUIRE(one->view.sessions.put("a", 1, std::chrono::nanoseconds{lives}).stored());
    auto const after = covey::shm::coarse_now();
    std::uint64_t in_time = 0;
    for (;;) {
        auto const asked = covey::shm::coarse_now();
        bool const there = two->view.sessions.contains("a");
        if (covey::shm::coarse_now() < before + lives) {
            REQUIRE(there);
            ++in_time;
        }
        if (asked < after + lives)
            continue;
        REQUIRE_FALSE(there);
        break;
    }
    CHECK(in_time > 0);
    CHECK(one->view.sessions.size() == 1); // nobody has swept
}

TEST_CASE("whoever sweeps announces each row that is over once")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    REQUIRE(one->view.sessions.put("a", 1, soon).stored());
    REQUIRE(one->view.sessions.put("b", 1, soon).stored());
    REQUIRE(one->view.sessions.put("c", 1, 1h).stored());
    heard ears{*two};
    REQUIRE(wait_until(
        [&] { return !two->view.sessions.contains("a") && !two->view.sessions.contains("b"); }));
    CHECK(ears.changes.dispatch() == 0);
    CHECK(one->view.sessions.size() == 3); // swept they are not
    CHECK(one->view.sessions.expire(1) == 1);
    CHECK(two->view.sessions.expire() == 1);
    CHECK(one->view.sessions.expire() == 0);
    CHECK(one->view.sessions.size() == 1);
    ears.changes.dispatch();
    CHECK(ears.kinds == std::vector{change_kind::expire, change_kind::expire});
    CHECK(std::set<std::string>(ears.keys.begin(), ears.keys.end()) ==
          std::set<std::string>{"a", "b"});
    CHECK(covey::test::fsck(all.memory, one->view.sessions.index()).empty());
}

TEST_CASE("a put without a time, a touch and an update keep or change a row's time as they say")
{
    cluster all{1};
    auto const me = all.join(0);
    auto& sessions = me->view.sessions;
    REQUIRE(sessions.put("put", 1, soon).stored());
    REQUIRE(sessions.put("put", 2).stored());
    REQUIRE(sessions.put("touched", 1, soon).stored());
    bool const in_time = sessions.touch("touched", 1h).stored();
    REQUIRE(sessions.put("updated", 1, 50ms).stored());
    bool const in_time_too =
        sessions
            .update("updated", [](auto const& now) { return now ? std::optional{*now + 1} : now; })
            .stored();
    REQUIRE(sessions.put("brief", 1, 60ms).stored());
    REQUIRE(wait_until([&] { return !sessions.contains("brief"); }));
    CHECK(sessions.get("put") == 2);
    CHECK(sessions.contains("touched") == in_time);
    CHECK_FALSE(sessions.contains("updated"));
    CHECK(in_time_too);
    CHECK(sessions.touch("brief", 1h) == put_result::missing);
}

TEST_CASE("a full map does what its retention says, and nothing more")
{
    cluster all{1};
    auto const me = all.join(0);
    auto& view = me->view;
    for (std::uint32_t i = 0; i != room; ++i) {
        REQUIRE(view.plain.put(i, i).stored());
        REQUIRE(view.sessions.put(std::to_string(i), i, 1h).stored());
        REQUIRE(view.cache.put(i, i).stored());
    }
    CHECK(view.plain.put(100, 1) == put_result::full);
    CHECK(view.sessions.put("more", 1) == put_result::full);
    auto const stored = view.cache.put(100, 1);
    CHECK(stored == put_result::stored);
    CHECK(stored.evicted == 1);
    CHECK(view.cache.size() == room);
    CHECK(view.cache.get(100) == 1);

    REQUIRE(view.sessions.touch("3", soon).stored());
    REQUIRE(wait_until([&] { return !view.sessions.contains("3"); }));
    CHECK(view.sessions.put("more", 1) == put_result::stored);
    CHECK(view.sessions.put("and more", 1) == put_result::full);
    CHECK(view.sessions.size() == room);
    for (std::uint32_t i = 0; i != room; ++i) {
        CHECK(view.sessions.contains(std::to_string(i)) == (i != 3));
        CHECK(view.plain.get(i) == i);
    }
}

TEST_CASE("rows that are asked for stay when others make room")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    cluster all{1};
    auto const me = all.join(0);
    auto& cache = me->view.cache;
    cache.put(1, 1);
    cache.put(2, 2);
    std::uint64_t evicted = 0;
    for (int i = 0; i != 2'000; ++i) {
        REQUIRE(cache.contains(1));
        REQUIRE(cache.contains(2));
        auto const stored = cache.put(static_cast<std::uint32_t>(10 + random() % 1'000), i);
        REQUIRE(stored.stored());
        evicted += stored.evicted;
    }
    CHECK(evicted > 1'000);
    CHECK(cache.size() == room);
    CHECK(covey::test::fsck(all.memory, cache.index()).empty());
}

TEST_CASE("an eviction is told with its key, before the row it made room for")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    covey::subscription changes{two->who};
    std::set<std::uint32_t> mirror;
    std::vector<change_kind> kinds;
    changes.on_change(
        two->view.cache,
        [&](auto const& change) {
            kinds.push_back(change.kind);
            if (change.after)
                mirror.insert(change.key);
            else
                mirror.erase(change.key);
        },
        covey::test::every_change);
    for (std::uint32_t i = 0; i != room + 3; ++i)
        REQUIRE(one->view.cache.put(i, i).stored());
    changes.dispatch();
    CHECK(std::count(kinds.begin(), kinds.end(), change_kind::evict) == 3);
    CHECK(kinds[room] == change_kind::evict);
    std::set<std::uint32_t> there;
    one->view.cache.for_each([&](auto key, auto, auto) { there.insert(key); });
    CHECK(mirror == there);
}

TEST_CASE("a time to live is refused by a map that does not expire, and retention is in the schema")
{
    cluster all{1};
    auto const me = all.join(0);
    CHECK_THROWS_AS(me->view.plain.put(1, 1, 1h), std::logic_error);
    CHECK(kept{}.described().text() ==
          "map plain u32 -> i64, capacity 8\n"
          "map sessions text<8> -> i64, capacity 8, expires, expires to make room\n"
          "map cache u32 -> i64, capacity 8, expires, evicts\n");
}

TEST_CASE("a touch that meets the end of a row's time is in time or too late, never both",
          "[threads]")
{
    constexpr std::uint32_t rows = 64;
    struct brief : covey::state
    {
        covey::map<std::uint32_t, std::int64_t> map{
            *this, "map", covey::capacity{rows}, {.expires = true, .full = when_full::expire_only}};
    };
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    covey::test::test_segment<brief> all{4};
    auto const me = all.join(0);
    covey::subscription changes{me->who};
    std::map<std::uint32_t, int> expired;
    changes.on_change(
        me->view.map,
        [&](auto const& told) { expired[told.key] += told.kind == change_kind::expire; },
        covey::test::every_change);
    auto const seen = covey::inspect::open(all.memory.lend_read_only());
    int in_time = 0;
    int too_late = 0;
    for (int round = 0; round != 30; ++round) {
        expired.clear();
        for (std::uint32_t key = 0; key != rows; ++key)
            REQUIRE(
                me->view.map.put(key, 1, std::chrono::milliseconds{1 + random() % 12}).stored());
        std::array<put_result, rows> touched{};
        std::atomic<bool> done{false};
        std::thread toucher{[&, wait = random() % 12'000'000, from = random()] {
            auto const it = all.join(1);
            auto const start = covey::shm::coarse_now() + wait;
            while (covey::shm::coarse_now() < start)
                std::this_thread::yield();
            for (std::uint32_t i = 0; i != rows; ++i) {
                auto const key = static_cast<std::uint32_t>((from + i) % rows);
                touched[key] = it->view.map.touch(key, 1h);
            }
            done = true;
        }};
        std::vector<std::thread> sweepers;
        for (std::uint32_t block = 2; block != 4; ++block)
            sweepers.emplace_back([&, block] {
                auto const it = all.join(block);
                while (!done)
                    it->view.map.expire(3);
            });
        toucher.join();
        for (auto& one : sweepers)
            one.join();
        me->view.map.expire(); // what is over for everybody was over for the touch
        changes.dispatch();
        for (std::uint32_t key = 0; key != rows; ++key) {
            auto const found = seen.get(0, std::to_string(key));
            bool const there = found.result == covey::reading::found;
            if (touched[key] == put_result::stored) {
                ++in_time;
                CHECK((there && found.entry.lives > 59min && expired[key] == 0));
            } else {
                ++too_late;
                CHECK(touched[key] == put_result::missing);
                CHECK((!there && expired[key] == 1));
            }
            me->view.map.erase(key);
        }
        changes.dispatch();
    }
    CHECK(in_time > 0);
    CHECK(too_late > 0);
    CHECK(covey::test::fsck(all.memory, 0) == "");
}

} // namespace retention_test
