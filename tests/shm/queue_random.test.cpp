// Queues under random work: against a plain list, over random bytes, and by threads.
#include "support/catch.hpp"
#include "support/fsck.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <covey/shm/arena.hpp>
#include <covey/shm/queue.hpp>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace queue_random_test {

namespace {

struct board : covey::state
{
    covey::queue<std::int64_t> jobs{*this, "jobs", covey::capacity{6}};
};

using cluster = covey::test::test_segment<board>;
using covey::erase_result;
using covey::put_result;

// The worker in the block has ended; the master has reaped it, and another one takes the block.
void end_worker(cluster& all, std::uint32_t block)
{
    REQUIRE(all.memory.reap_block(block, all.bells));
    all.memory.open_block(block, {.pid = ::getpid(), .id = block + 100, .generation = 1});
}

} // namespace

TEST_CASE("random pushes, pops, returns, acknowledgements and deaths are what a plain list says")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    constexpr std::uint32_t blocks = 3;
    cluster all{blocks};
    struct entry
    {
        std::int64_t row = 0;
        std::uint64_t deliveries = 0;
    };
    std::map<std::uint64_t, entry> waiting; // by id
    std::array<std::vector<covey::leased_item<std::int64_t>>, blocks> held;
    std::size_t leased = 0;
    auto const give_back = [&](auto const& item) {
        waiting[item.id] = {item.row, item.deliveries};
        --leased;
    };
    std::vector<std::unique_ptr<covey::test::member<board>>> members;
    for (std::uint32_t block = 0; block != blocks; ++block)
        members.push_back(all.join(block));
    for (int step = 0; step != 20'000; ++step) {
        auto const block = static_cast<std::uint32_t>(random() % blocks);
        auto& jobs = members[block]->view.jobs;
        auto& mine = held[block];
        switch (random() % 8) {
        case 0:
        case 1:
        case 2: {
            auto const row = static_cast<std::int64_t>(random() % 1000);
            auto const pushed = jobs.push(row);
            REQUIRE(pushed.stored() == (waiting.size() + leased < 6));
            if (pushed.stored())
                waiting[pushed.revision] = {row, 0};
            break;
        }
        case 3:
        case 4: {
            auto const item = jobs.pop();
            REQUIRE(bool{item} == !waiting.empty());
            if (!item)
                break;
            REQUIRE(item->id == waiting.begin()->first);
            REQUIRE(item->row == waiting.begin()->second.row);
            REQUIRE(item->deliveries == waiting.begin()->second.deliveries + 1);
            waiting.erase(waiting.begin());
            mine.push_back(*item);
            ++leased;
            break;
        }
        case 5:
        case 6:
            if (!mine.empty()) {
                std::swap(mine[random() % mine.size()], mine.back());
                if (random() % 2) {
                    REQUIRE(jobs.acknowledge(mine.back()) == erase_result::erased);
                    --leased;
                } else {
                    REQUIRE(jobs.give_back(mine.back()) == put_result::stored);
                    give_back(mine.back());
                }
                mine.pop_back();
            }
            break;
        case 7:
            if (random() % 8 == 0) {
                for (auto const& item : mine)
                    give_back(item);
                mine.clear();
                end_worker(all, block);
            }
            break;
        }
        REQUIRE(jobs.size() == waiting.size());
        REQUIRE(jobs.leased() == leased);
        REQUIRE(covey::test::fsck(all.memory, 0) == "");
    }
}

TEST_CASE("random bytes over a queue let nobody crash or loop, whoever works in it or reaps")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    for (int round = 0; round != 200; ++round) {
        cluster all{2};
        auto const me = all.join(0);
        for (std::int64_t i = 0; i != 5; ++i)
            me->view.jobs.push(i);
        auto const held = me->view.jobs.pop();
        REQUIRE(held);
        auto const& memory = *all.memory.memory();
        auto const& field = memory.places().fields[0];
        // Small numbers as well: links and leases that look like such.
        auto const scribble = [&](std::uint64_t from, std::uint64_t bytes) {
            for (auto at = from; at != from + bytes; at += sizeof(covey::shm::word)) {
                auto const any = random();
                if (any % 3 != 0)
                    memory.at<covey::shm::word>(at).store(
                        any % 3 == 1 ? random() % 8 | (random() % 3) << 48 : random());
            }
        };
        scribble(field.buckets, sizeof(covey::shm::word));
        scribble(field.free_hints, sizeof(covey::shm::word));
        scribble(field.leases, field.capacity * sizeof(covey::shm::word));
        scribble(field.ends, sizeof(covey::shm::queue_block));
        scribble(field.cells, field.capacity * field.cell_bytes);
        for (int step = 0; step != 30; ++step) {
            me->view.jobs.push(step);
            auto const item = me->view.jobs.pop();
            auto const result = item ? me->view.jobs.give_back(*item) : put_result::missing;
            if (result == put_result::stored && step % 2)
                me->view.jobs.acknowledge(*me->view.jobs.pop());
        }
        me->view.jobs.acknowledge(*held);
        me->view.jobs.leased();
        CHECK(all.memory.reap_block(0, all.bells));
        CHECK(all.memory.reap_block(1, all.bells));
    }
}

TEST_CASE("every item is done by one worker, and each worker gets a producer's items in order",
          "[threads]")
{
#ifdef __SANITIZE_THREAD__
    constexpr std::int64_t rounds = 2'000;
#else
    constexpr std::int64_t rounds = 10'000;
#endif
    cluster all{4};
    std::array<std::vector<std::int64_t>, 2> done;
    std::atomic<int> pushing = 2;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (std::uint32_t block = 0; block != 2; ++block) {
        threads.emplace_back([&, block] { // a producer
            auto const me = all.join(block);
            for (std::int64_t i = 0; i != rounds; ++i)
                while (me->view.jobs.push(2 * i + block) == put_result::full)
                    std::this_thread::yield();
            --pushing;
        });
        threads.emplace_back([&, block] { // a consumer
            auto const me = all.join(2 + block);
            std::array<std::int64_t, 2> newest{-1, -1};
            for (int turn = 0;; ++turn) {
                bool const last = pushing == 0;
                auto const item = me->view.jobs.pop();
                if (!item) {
                    if (last && me->view.jobs.leased() == 0 && me->view.jobs.size() == 0)
                        return;
                    std::this_thread::yield();
                    continue;
                }
                auto& before = newest[static_cast<std::size_t>(item->row % 2)];
                if (item->deliveries == 1) {
                    wrong += item->row <= before;
                    before = item->row;
                }
                if (turn % 7 == 0 && item->deliveries == 1)
                    wrong += me->view.jobs.give_back(*item) != put_result::stored;
                else {
                    wrong += me->view.jobs.acknowledge(*item) != erase_result::erased;
                    done[block].push_back(item->row);
                }
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    CHECK(wrong == 0);
    auto every = done[0];
    every.insert(every.end(), done[1].begin(), done[1].end());
    std::sort(every.begin(), every.end());
    REQUIRE(every.size() == 2 * rounds);
    for (std::int64_t i = 0; i != 2 * rounds; ++i)
        CHECK(every[static_cast<std::size_t>(i)] == i);
    CHECK(covey::test::fsck(all.memory, 0) == "");
}

} // namespace queue_random_test
