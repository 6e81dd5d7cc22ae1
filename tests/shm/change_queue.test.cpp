// Changes one at a time, for a thread without a loop.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <atomic>
#include <chrono>
#include <covey/shm/change_queue.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/map.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace change_queue_test {

using namespace std::chrono_literals;
using covey::change_kind;
using covey::delivery;

namespace {

struct board : covey::state
{
    covey::map<std::uint32_t, std::int64_t> rows{*this, "rows", covey::capacity{100}};
    covey::counter hits{*this, "hits"};
};
using cluster = covey::test::test_segment<board>;

} // namespace

TEST_CASE("next() gives one change after the other, and none when there is none for so long")
{
    cluster where{2};
    auto const writer = where.join(0);
    auto const reader = where.join(1);
    covey::subscription changes{reader->who};
    covey::change_queue rows{changes, reader->view.rows};
    CHECK_FALSE(rows.next(0ms));
    writer->view.rows.put(1, 10);
    writer->view.rows.put(2, 20);
    CHECK(rows.next(10s)->after == 10);
    CHECK(rows.next(10s)->after == 20);
    CHECK_FALSE(rows.next(1ms));
    covey::change_queue hits{changes, reader->view.hits};
    writer->view.hits.add(5);
    CHECK(hits.next(10s)->total == 5);
}

TEST_CASE("a thread that sleeps in next() is woken by a change")
{
    cluster where{2};
    auto const writer = where.join(0);
    std::atomic<std::int64_t> heard = 0;
    std::atomic<bool> ready = false;
    std::thread waits{[&] {
        auto const reader = where.join(1);
        covey::subscription changes{reader->who};
        covey::change_queue rows{changes, reader->view.rows, {.deliver = delivery::ordered}};
        ready = true;
        for (int i = 0; i != 1000; ++i) {
            auto const one = rows.next(60s);
            heard = one ? *one->after : -1;
            if (!one)
                return;
        }
    }};
    while (!ready)
        std::this_thread::yield();
    for (int i = 1; i <= 1000; ++i) {
        writer->view.rows.put(1, i);
        while (i % 10 == 0 && heard != i && heard != -1)
            std::this_thread::yield();
    }
    waits.join();
    CHECK(heard == 1000);
}

TEST_CASE("who leaves more changes untaken than there is room for is shown the state, and goes on")
{
    cluster where{2};
    auto const writer = where.join(0);
    auto const reader = where.join(1);
    covey::subscription changes{reader->who};
    covey::change_queue rows{changes, reader->view.rows, {.deliver = delivery::every}, 10};
    std::map<std::uint32_t, std::int64_t> mirror;
    bool lapped = false;
    auto const follow = [&] {
        while (auto const one = rows.next(0ms)) {
            if (one->kind == change_kind::resync) {
                lapped = true;
                CHECK(one->resync.reason == covey::resync_reason::lapped);
                if (one->resync.complete)
                    mirror.clear();
            } else if (one->after) {
                mirror[one->key] = *one->after;
            } else {
                mirror.erase(one->key);
            }
        }
    };
    auto const equal = [&] {
        std::map<std::uint32_t, std::int64_t> table;
        reader->view.rows.for_each([&](auto key, auto row, auto) { table[key] = row; });
        return mirror == table;
    };
    for (std::uint32_t i = 0; i != 40; ++i)
        writer->view.rows.put(i, i);
    changes.dispatch(); // nobody takes them
    writer->view.rows.erase(3);
    follow();
    CHECK(lapped);
    CHECK(equal());
    lapped = false;
    for (std::uint32_t i = 0; i != 8; ++i)
        writer->view.rows.put(i, 100);
    follow();
    CHECK_FALSE(lapped);
    CHECK(equal());
}

} // namespace change_queue_test
