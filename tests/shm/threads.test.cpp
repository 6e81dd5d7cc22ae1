// The shared structures as threads over one mapping, where ThreadSanitizer sees them.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <atomic>
#include <chrono>
#include <covey/shm/counter.hpp>
#include <covey/shm/extreme.hpp>
#include <covey/shm/histogram.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/rate_limiter.hpp>
#include <covey/shm/value.hpp>
#include <map>
#include <poll.h>
#include <set>
#include <string>
#include <thread>

namespace {

#ifdef __SANITIZE_THREAD__
constexpr int rounds = 2'000;
#else
constexpr int rounds = 20'000;
#endif
constexpr std::uint32_t workers = 4;

struct pair_row // both halves always agree
{
    std::int64_t left = 0;
    std::int64_t right = 0;
};
BOOST_DESCRIBE_STRUCT(pair_row, (), (left, right))

struct shared : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::value<std::int64_t> ticket{*this, "ticket"};
    covey::value<pair_row> pair{*this, "pair"};
    covey::map<std::uint32_t, pair_row> rows{*this, "rows", covey::capacity{16}};
    covey::lock turn{*this, "turn"};
    covey::rate_limiter posts{*this, "posts", {.events = 100, .each = std::chrono::hours{1}}};
    covey::maximum slowest{*this, "slowest"};
    covey::histogram sizes{*this, "sizes", {.highest = 1'000, .precision_bits = 3}};
};

using cluster = covey::test::test_segment<shared>;

// Runs `body(member, number)` in one thread a block.
template <class Body>
void as_workers(cluster& where, std::uint32_t first, Body body)
{
    std::vector<std::thread> threads;
    for (std::uint32_t block = first; block != where.memory.blocks(); ++block)
        threads.emplace_back([&, block] {
            auto const me = where.join(block);
            body(*me, block);
        });
    for (auto& thread : threads)
        thread.join();
}

} // namespace

TEST_CASE("adds of all workers are in the counter's total", "[threads]")
{
    cluster all{workers};
    as_workers(all, 0, [](auto& me, auto) {
        for (int i = 0; i != rounds; ++i)
            me.view.hits.add();
    });
    CHECK(all.join(0)->view.hits.get() == std::int64_t{workers} * rounds);
}

TEST_CASE("updates of one value are exact: every worker draws tickets of its own", "[threads]")
{
    cluster all{workers};
    std::array<std::set<std::int64_t>, workers> drawn;
    as_workers(all, 0, [&](auto& me, std::uint32_t block) {
        for (int i = 0; i != rounds / 4; ++i) {
            std::int64_t mine = 0;
            me.view.ticket.update([&](std::int64_t now) { return mine = now + 1; });
            drawn[block].insert(mine);
        }
    });
    std::set<std::int64_t> every;
    for (auto const& one : drawn)
        every.insert(one.begin(), one.end());
    CHECK(every.size() == workers * (rounds / 4));
    CHECK(*every.rbegin() == workers * (rounds / 4));
}

TEST_CASE("of racing compare-and-sets on one revision exactly one is stored", "[threads]")
{
    cluster all{workers};
    std::atomic<int> stored = 0;
    auto const first = all.join(0)->view.ticket.put(0).revision;
    as_workers(all, 0, [&](auto& me, std::uint32_t block) {
        if (me.view.ticket.compare_and_set(first, block + 1).stored())
            ++stored;
    });
    CHECK(stored == 1);
}

TEST_CASE("a reader never sees half a row, an old revision or another key's row", "[threads]")
{
    cluster all{workers};
    std::atomic<std::uint32_t> writing = workers - 2;
    std::atomic<int> torn = 0;
    std::atomic<int> backwards = 0;
    as_workers(all, 0, [&](auto& me, std::uint32_t block) {
        if (block >= 2) { // writers: 24 keys in 16 cells, so that cells change keys all the time
            for (int i = 1; i <= rounds; ++i) {
                auto const key = static_cast<std::uint32_t>(i * block % 24);
                std::int64_t const body = std::int64_t{i} * 100 + key;
                if (i % 3 == 0)
                    me.view.rows.erase(key);
                else
                    me.view.rows.put(key, {body, body});
                me.view.pair.put({i, i});
            }
            --writing;
            return;
        }
        std::map<std::uint32_t, std::uint64_t> newest;
        while (writing != 0) {
            for (std::uint32_t key = 0; key != 24; ++key)
                if (auto const found = me.view.rows.find(key)) {
                    torn += found->row.left != found->row.right || found->row.left % 100 != key;
                    backwards += found->revision < newest[key];
                    newest[key] = found->revision;
                }
            auto const pair = me.view.pair.get();
            torn += pair.left != pair.right;
            std::set<std::uint32_t> seen;
            me.view.rows.for_each([&](std::uint32_t key, pair_row const& row, auto) {
                torn += row.left != row.right || row.left % 100 != key || !seen.insert(key).second;
            });
        }
    });
    CHECK(torn == 0);
    CHECK(backwards == 0);
}

TEST_CASE("every worker's mirror equals the table when all is quiet", "[threads]")
{
    cluster all{workers};
    std::atomic<std::uint32_t> writing = workers - 1;
    std::map<std::uint32_t, std::int64_t> mirror;
    std::atomic<bool> backwards = false;
    std::atomic<bool> subscribed = false;
    auto const table = [&] {
        std::map<std::uint32_t, std::int64_t> out;
        all.join(0)->view.rows.for_each(
            [&](std::uint32_t key, pair_row const& row, auto) { out[key] = row.left; });
        return out;
    };
    as_workers(all, 0, [&](auto& me, std::uint32_t block) {
        if (block != 0) {
            while (!subscribed)
                std::this_thread::yield();
            for (int i = 0; i != rounds / 4; ++i) {
                auto const key = static_cast<std::uint32_t>(i * block % 20);
                if (i % 4 == 0)
                    me.view.rows.erase(key);
                else
                    me.view.rows.put(key, {i, i});
            }
            --writing;
            return;
        }
        covey::subscription changes{me.who};
        std::map<std::uint32_t, std::uint64_t> revisions;
        changes.on_change(me.view.rows, [&](auto const& one) {
            if (one.kind == covey::change_kind::resync)
                return mirror.clear();
            if (one.revision < revisions[one.key])
                backwards = true;
            revisions[one.key] = one.revision;
            if (one.after)
                mirror[one.key] = one.after->left;
            else
                mirror.erase(one.key);
        });
        subscribed = true;
        for (;;) { // sleeps on its doorbell like a worker's loop
            bool const last = writing == 0;
            changes.dispatch();
            if (!changes.arm())
                continue;
            if (last)
                break;
            pollfd waits{.fd = changes.doorbell(), .events = POLLIN, .revents = 0};
            ::poll(&waits, 1, 100); // the deadline is for the end, when nobody writes any more
            changes.answer();
        }
    });
    CHECK_FALSE(backwards);
    CHECK(mirror == table());
}

TEST_CASE("one worker at a time holds a lock, and sees what the holder before it wrote",
          "[threads]")
{
    cluster all{workers};
    std::uint64_t guarded = 0; // no atomic: the lock orders it
    std::atomic<std::uint64_t> holds{0};
    as_workers(all, 0, [&](auto& me, auto) {
        for (int i = 0; i != rounds; ++i)
            if (auto const held = me.view.turn.try_hold()) {
                ++guarded;
                holds.fetch_add(1, std::memory_order_relaxed);
            }
    });
    CHECK(holds > 0);
    CHECK(guarded == holds);
    auto const me = all.join(0);
    CHECK(me->view.turn.try_hold()->epoch() == holds + 1);
}

TEST_CASE("a rate grants its burst once, however many ask at the same moment", "[threads]")
{
    cluster all{workers};
    auto const now = std::chrono::steady_clock::now();
    std::atomic<int> granted{0};
    as_workers(all, 0, [&](auto& me, auto) {
        for (int i = 0; i != rounds; ++i)
            granted += me.view.posts.take(1, now).granted;
    });
    CHECK(granted == 100);
}

TEST_CASE("extremes and histograms miss no record of any worker", "[threads]")
{
    cluster all{workers};
    as_workers(all, 0, [](auto& me, auto number) {
        for (int i = 0; i != rounds; ++i) {
            me.view.slowest.record(i * 10 + number);
            me.view.sizes.record(static_cast<std::uint64_t>(i));
            me.view.sizes.get();
        }
    });
    auto const me = all.join(0);
    CHECK(me->view.slowest.get() == (rounds - 1) * 10 + static_cast<int>(workers) - 1);
    CHECK(me->view.sizes.get().count() == workers * rounds);
}
