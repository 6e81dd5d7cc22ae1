// The shared structures as threads over one mapping, where ThreadSanitizer sees them.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <covey/shm/blob_value.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/extreme.hpp>
#include <covey/shm/gauge.hpp>
#include <covey/shm/histogram.hpp>
#include <covey/shm/leader.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/rate_limiter.hpp>
#include <covey/shm/value.hpp>
#include <map>
#include <poll.h>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace threads_test {

namespace {

#ifdef __SANITIZE_THREAD__
constexpr int rounds = 4'000;
#else
constexpr int rounds = 20'000;
#endif
constexpr std::uint32_t workers = 8;

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
    covey::minimum fastest{*this, "fastest"};
    covey::gauge level{*this, "level"};
    covey::leader chief{*this, "chief"};
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
    std::atomic<int> backwards = 0;
    as_workers(all, 0, [&](auto& me, auto) {
        std::int64_t last = 0;
        for (int i = 0; i != rounds; ++i) {
            auto const now = me.view.hits.add();
            backwards += now <= last;
            last = now;
            me.view.level.add(2);
            me.view.level.subtract();
        }
    });
    CHECK(all.join(0)->view.hits.get() == std::int64_t{workers} * rounds);
    CHECK(all.join(0)->view.level.get() == std::int64_t{workers} * rounds);
    CHECK(backwards == 0);
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
    REQUIRE(all.join(0)->view.ticket.put(0).stored());
    REQUIRE(all.join(0)->view.rows.put(7, {0, 0}).stored());
    std::atomic<std::int64_t> values = 0;
    std::atomic<std::int64_t> rows = 0;
    std::atomic<int> conflicts = 0;
    std::atomic<int> wrong = 0;
    as_workers(all, 0, [&](auto& me, auto) {
        // Each success adds one to what had the revision that it compared: two on one revision
        // would leave a sum that is too low.
        for (int i = 0; i != rounds; ++i) {
            auto const value = me.view.ticket.find();
            auto const row = *me.view.rows.find(7);
            std::this_thread::yield();
            auto const first = me.view.ticket.compare_and_set(value.revision, value.row + 1);
            auto const second = me.view.rows.compare_and_set(7, row.revision,
                                                             {row.row.left + 1, row.row.right + 1});
            values += first.stored();
            rows += second.stored();
            for (auto const& [done, from] :
                 {std::pair{first, value.revision}, std::pair{second, row.revision}}) {
                conflicts += !done.stored();
                wrong += done.revision <= from; // its own, or the current one
                wrong += !done.stored() && done != covey::put_result::conflict;
            }
        }
    });
    auto const me = all.join(0);
    CHECK(me->view.ticket.get() == values);
    CHECK(me->view.rows.get(7)->left == rows);
    CHECK(wrong == 0);
    CHECK(conflicts > 0);
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

TEST_CASE("a visit of all rows amid writes finds each row that stays, and finds it once",
          "[threads]")
{
    struct crowd : covey::state
    {
        covey::map<std::uint32_t, pair_row> rows{*this, "rows", covey::capacity{600}};
    };
    constexpr std::uint32_t staying = 200; // keys below; the others come and go
    covey::test::test_segment<crowd> all{workers};
    for (std::uint32_t key = 0; key != staying; ++key)
        REQUIRE(all.join(0)->view.rows.put(key, {0, 0}).stored());
    std::atomic<int> visits = 0;
    std::atomic<int> wrong = 0;
    std::atomic<bool> over = false;
    std::vector<std::thread> threads;
    for (std::uint32_t block = 0; block != workers; ++block)
        threads.emplace_back([&, block] {
            auto const me = all.join(block);
            if (block < 6) {
                for (std::uint32_t i = block; !over; i += 7) {
                    wrong += !me->view.rows.put(i % staying, {i, i}).stored();
                    auto const passing = staying + i % 390;
                    if (i % 2 == 0)
                        me->view.rows.erase(passing);
                    else
                        wrong += !me->view.rows.put(passing, {i, i}).stored();
                }
                return;
            }
            for (int i = 0; i != rounds / 10; ++i) {
                std::vector<int> seen(staying);
                me->view.rows.for_each([&](std::uint32_t key, pair_row const& row, auto) {
                    wrong += row.left != row.right;
                    if (key < staying)
                        ++seen[key];
                });
                for (auto const times : seen)
                    wrong += times != 1;
                ++visits;
            }
            if (visits == 2 * (rounds / 10))
                over = true;
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
    CHECK(visits == 2 * (rounds / 10));
}

TEST_CASE("readers of a row that writers never leave alone make their way", "[threads]")
{
    using wide_row = std::array<std::uint64_t, 4'000>; // as long to copy as to write
    struct worn : covey::state
    {
        covey::value<pair_row> value{*this, "value"};
        covey::map<std::uint32_t, pair_row> rows{*this, "rows", covey::capacity{4}};
        covey::value<wide_row> wide{*this, "wide"};
        covey::value<covey::string<30'000>> text{*this, "text"};
    };
    covey::test::test_segment<worn> all{workers};
    REQUIRE(all.join(0)->view.rows.put(1, {0, 0}).stored());
    std::atomic<std::uint64_t> written = 0;
    std::atomic<int> reading = 4;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (std::uint32_t block = 0; block != workers; ++block)
        threads.emplace_back([&, block] {
            auto const me = all.join(block);
            auto& view = me->view;
            if (block < 4) { // without a pause
                wide_row words{};
                for (std::int64_t i = 1; reading != 0; ++i) {
                    words.fill(static_cast<std::uint64_t>(i));
                    auto const size = static_cast<std::size_t>(i % 30'000);
                    wrong += block % 2 == 0 ? !view.wide.put(words).stored()
                                            : !view.text.put(std::string(size, 'x')).stored();
                    for (int n = 0; n != 50; ++n) {
                        view.value.put({i, i});
                        view.rows.put(1, {i, i});
                    }
                    ++written;
                }
                return;
            }
            std::uint64_t newest = 0;
            for (int i = 0; i != rounds / 10; ++i) {
                auto const pair = view.value.find();
                auto const row = view.rows.get(1);
                auto const wide = view.wide.get();
                auto const text = view.text.get();
                wrong += pair.row.left != pair.row.right || pair.revision < newest;
                wrong += !row || row->left != row->right;
                wrong += std::count(wide.begin(), wide.end(), wide[0]) != 4'000;
                wrong += std::count(text.begin(), text.end(), 'x') !=
                         static_cast<std::ptrdiff_t>(text.size());
                newest = pair.revision;
            }
            --reading;
        });
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
    CHECK(written > 0);
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
        changes.on_change(
            me.view.rows,
            [&](auto const& one) {
                if (one.kind == covey::change_kind::resync)
                    return one.resync.complete ? mirror.clear() : void();
                if (one.revision < revisions[one.key])
                    backwards = true;
                revisions[one.key] = one.revision;
                if (one.after)
                    mirror[one.key] = one.after->left;
                else
                    mirror.erase(one.key);
            },
            covey::test::every_change);
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

TEST_CASE("one worker at a time holds a lock or leads, and sees what the holder before it wrote",
          "[threads]")
{
    cluster all{workers};
    std::uint64_t guarded = 0; // no atomics: the lock and the leadership order them
    std::uint64_t led = 0;
    std::atomic<std::uint64_t> holds{0};
    std::atomic<std::uint64_t> terms{0};
    as_workers(all, 0, [&](auto& me, auto) {
        for (int i = 0; i != rounds; ++i) {
            if (auto const held = me.view.turn.try_hold()) {
                ++guarded;
                holds.fetch_add(1, std::memory_order_relaxed);
            }
            if (me.view.chief.run()) {
                ++led;
                terms.fetch_add(1, std::memory_order_relaxed);
                me.view.chief.resign();
            }
        }
    });
    CHECK(holds > 0);
    CHECK(guarded == holds);
    CHECK(terms > 0);
    CHECK(led == terms);
    auto const me = all.join(0);
    CHECK(me->view.turn.try_hold()->epoch() == holds + 1);
    CHECK(me->view.chief.run());
    CHECK(me->view.chief.mine() == terms + 1);
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
            me.view.fastest.record(-i * 10 - static_cast<int>(number));
            me.view.sizes.record(static_cast<std::uint64_t>(i));
            if (i % 16 == 0)
                me.view.sizes.get();
        }
    });
    auto const me = all.join(0);
    CHECK(me->view.slowest.get() == (rounds - 1) * 10 + static_cast<int>(workers) - 1);
    CHECK(me->view.fastest.get() == -(rounds - 1) * 10 - static_cast<int>(workers) + 1);
    CHECK(me->view.sizes.get().count() == workers * rounds);
}

} // namespace threads_test
