// Many sleepers: a writer leaves them to the relay, or rings them where none is.
#include "support/catch.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <atomic>
#include <cerrno>
#include <covey/shm/arena.hpp>
#include <covey/shm/doorbell.hpp>
#include <covey/shm/doorbell_relay.hpp>
#include <covey/shm/expiry.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/queue.hpp>
#include <covey/shm/recovery.hpp>
#include <memory>
#include <optional>
#include <poll.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace doorbell_relay_test {

using covey::shm::relay_above;

namespace {

struct board : covey::state
{
    covey::map<std::uint32_t, std::int64_t> scores{*this, "scores", covey::capacity{100}};
    covey::queue<std::int64_t> jobs{*this, "jobs", covey::capacity{8}};
};

using world = covey::test::test_segment<board>;
using member = covey::test::member<board>;

bool readable(int descriptor)
{
    pollfd waits{.fd = descriptor, .events = POLLIN, .revents = 0};
    return ::poll(&waits, 1, 0) == 1;
}

std::uint64_t emptied(int descriptor)
{
    std::uint64_t rung = 0;
    return ::read(descriptor, &rung, sizeof rung) == sizeof rung ? rung : 0;
}

// A worker that subscribes, and sleeps until it is settled.
struct listener
{
    listener(world const& where, std::uint32_t block)
        : me{where.join(block)}
        , changes{me->who}
    {
        changes.on_change(
            me->view.scores, [this](auto const& one) { told = one.after.value_or(0); },
            covey::test::every_change);
        settle();
    }
    void settle()
    {
        changes.answer();
        do
            changes.dispatch();
        while (!changes.arm());
    }
    std::unique_ptr<member> me;
    covey::subscription changes;
    std::int64_t told = 0;
};

// A writer in block 0, `count` sleepers in those after it.
struct scene
{
    explicit scene(std::uint32_t count)
        : where{count + 1}
        , writer{where.join(0)}
        , bells{std::make_shared<covey::doorbells const>(member::copy(where.bells))}
    {
        for (std::uint32_t block = 1; block <= count; ++block)
            sleepers.push_back(std::make_unique<listener>(where, block));
    }
    void open_relay()
    {
        relay.emplace(where.memory.memory(), bells);
        REQUIRE(relay->arm());
    }
    std::size_t rung() const
    {
        std::size_t count = 0;
        for (auto const& one : sleepers)
            count += readable(one->changes.doorbell());
        return count;
    }
    covey::shm::notification_counts& counts() const
    {
        return where.memory.memory()->block(0).notified;
    }
    covey::shm::relay_block& shared() const { return where.memory.memory()->head().relay; }

    world where;
    std::unique_ptr<member> writer;
    std::shared_ptr<covey::doorbells const> bells;
    std::vector<std::unique_ptr<listener>> sleepers;
    std::optional<covey::doorbell_relay> relay;
};

constexpr std::uint32_t many = relay_above + 3;

} // namespace

TEST_CASE("more sleepers than a writer rings itself cost it one ring, and the relay wakes them all")
{
    scene it{many};
    it.open_relay();
    it.writer->view.scores.put(1, 7);
    CHECK(it.rung() == 0);
    CHECK(it.counts().rings == 1);
    CHECK(it.counts().relayed == 1);
    REQUIRE(emptied(it.relay->descriptor()) == 1);
    CHECK(it.relay->ring() == many);
    CHECK(it.relay->arm());
    CHECK(it.rung() == many);
    for (auto& one : it.sleepers) {
        one->settle();
        CHECK(one->told == 7);
    }
    CHECK(it.shared().rings == many);
    CHECK(it.shared().rounds > 0);

    it.writer->view.scores.put(1, 8); // and once more
    CHECK(emptied(it.relay->descriptor()) == 1);
    CHECK(it.relay->ring() == many);
    CHECK(it.counts().rings == 2);
}

TEST_CASE("as many sleepers as a writer rings itself do not wake the relay")
{
    scene it{relay_above};
    it.open_relay();
    it.writer->view.scores.put(1, 7);
    CHECK(it.rung() == relay_above);
    CHECK(it.counts().rings == relay_above);
    CHECK(it.counts().relayed == 0);
    CHECK_FALSE(readable(it.relay->descriptor()));
}

TEST_CASE("without a relay, or without its doorbell, a writer rings every sleeper itself")
{
    scene it{many};
    auto const how = GENERATE(0, 1, 2);
    CAPTURE(how);
    if (how == 1) {
        it.open_relay();
        it.relay.reset(); // it was there
    }
    if (how == 2) {
        it.open_relay();
        std::vector<covey::handle> blocks;
        for (auto const& bell : it.where.bells.handles())
            blocks.push_back(bell.duplicate());
        it.writer.reset();
        it.writer =
            std::make_unique<member>(it.where.memory, 0, covey::doorbells{std::move(blocks)});
    }
    it.writer->view.scores.put(1, 7);
    CHECK(it.rung() == many);
    CHECK(it.counts().rings == many);
    CHECK(it.counts().relayed == 0);
}

TEST_CASE("sleepers that were rung and have not woken yet are left to nobody")
{
    scene it{many};
    it.open_relay();
    it.writer->view.scores.put(1, 1);
    emptied(it.relay->descriptor());
    it.relay->ring();
    REQUIRE(it.relay->arm());
    for (int i = 0; i != 1'000; ++i)
        it.writer->view.scores.put(1, i);
    CHECK_FALSE(readable(it.relay->descriptor()));
    CHECK(it.counts().rings == 1);
}

TEST_CASE("a relay that has been rung is not rung again until it has come round")
{
    scene it{many};
    it.open_relay();
    for (int i = 0; i != 1'000; ++i) {
        it.shared().moved.store(covey::shm::coarse_now()); // it is not slow
        it.writer->view.scores.put(1, i);
    }
    CHECK(it.counts().rings == 1);
    CHECK(it.counts().relayed == 1'000);
    CHECK(emptied(it.relay->descriptor()) == 1);
    CHECK(it.relay->ring() == many);
    CHECK(it.relay->ring() == 0);
}

TEST_CASE("a relay that does not move is passed by, and finds nobody to ring when it does")
{
    scene it{many};
    it.open_relay();
    it.writer->view.scores.put(1, 0);
    REQUIRE(it.rung() == 0);
    std::int64_t i = 0;
    REQUIRE(covey::test::wait_until([&] {
        it.writer->view.scores.put(1, ++i);
        return it.rung() != 0;
    }));
    CHECK(it.rung() == many);
    CHECK(it.counts().relay_stands == 1);
    CHECK(it.counts().rings == 1 + many);
    CHECK(it.relay->ring() == 0);
    for (auto& one : it.sleepers) {
        one->settle();
        CHECK(one->told == i);
    }
}

TEST_CASE("a relay that ends rings who was left to it")
{
    scene it{many};
    it.open_relay();
    it.writer->view.scores.put(1, 7);
    REQUIRE(it.rung() == 0);
    it.relay.reset();
    CHECK(it.rung() == many);
}

TEST_CASE("a relay rings again for whoever died at the ring")
{
    scene it{many};
    it.open_relay();
    // Somebody has named the sleepers, said RINGING of the relay's bell, and died.
    auto& shared = it.shared();
    shared.wanted.bits[0] = ~std::uint64_t{1} & ((std::uint64_t{2} << many) - 1);
    shared.bell = covey::shm::with(shared.bell, covey::shm::bell_state::ringing);
    it.writer->view.scores.put(1, 7);
    CHECK(it.counts().rings == 1);
    CHECK(it.counts().collisions == 1);
    CHECK(emptied(it.relay->descriptor()) == 1);
    CHECK(it.relay->ring() == many);
}

TEST_CASE("names that nobody has make a relay neither stray nor run on")
{
    scene it{many};
    it.open_relay();
    for (auto& bits : it.shared().wanted.bits)
        bits = ~std::uint64_t{0};
    CHECK_FALSE(it.relay->arm());
    CHECK(it.relay->ring() == many);
    CHECK(it.relay->arm());
}

TEST_CASE("a doorbell that is full has been rung: no writer notices, and its sleeper wakes")
{
    bool const relayed = GENERATE(false, true);
    CAPTURE(relayed);
    scene it{relayed ? many : 1};
    if (relayed)
        it.open_relay();
    int const bell = relayed ? it.relay->descriptor() : it.sleepers[0]->changes.doorbell();
    std::uint64_t const most = ~std::uint64_t{0} - 1;
    REQUIRE(::write(bell, &most, sizeof most) == sizeof most);
    std::uint64_t const one = 1;
    REQUIRE(::write(bell, &one, sizeof one) == -1);
    REQUIRE(errno == EAGAIN);
    CHECK(it.writer->view.scores.put(1, 7).stored());
    CHECK(readable(bell));
    if (relayed) {
        it.relay->answer();
        CHECK(it.relay->ring() == many);
    }
    it.sleepers[0]->settle();
    CHECK(it.sleepers[0]->told == 7);
    CHECK(it.sleepers[0]->me->view.scores.put(2, 8).stored());
}

TEST_CASE("a subscriber that does not come round costs its writers one ring, however far it lags")
{
    scene it{1};
    for (int i = 0; i != 10'000; ++i) // it is lapped twice
        it.writer->view.scores.put(1, i);
    CHECK(it.counts().rings == 1);
    CHECK(it.counts().collisions == 0);
    CHECK(emptied(it.sleepers[0]->changes.doorbell()) == 1);
    it.sleepers[0]->settle();
    CHECK(it.sleepers[0]->told == 9'999);
    auto const& his = it.where.memory.memory()->block(1).notified;
    CHECK(his.wakes == 1);
    CHECK(his.resyncs == 1);
}

TEST_CASE("a burst on one key is told to its last value, with no more rings than its reader slept",
          "[threads]")
{
    constexpr std::int64_t changes = 100'000;
    scene it{1};
    auto& reader = *it.sleepers[0];
    std::uint64_t cycles = 0;
    std::thread reading{[&] {
        while (reader.told != changes) {
            pollfd waits{.fd = reader.changes.doorbell(), .events = POLLIN, .revents = 0};
            ::poll(&waits, 1, -1);
            reader.changes.answer();
            do {
                ++cycles;
                reader.changes.dispatch();
            } while (!reader.changes.arm());
        }
    }};
    for (std::int64_t i = 1; i <= changes; ++i)
        it.writer->view.scores.put(1, i);
    reading.join();
    CHECK(reader.told == changes);
    auto const& his = it.where.memory.memory()->block(1).notified;
    CHECK(it.counts().rings <= his.wakes + it.counts().collisions + 1);
    CHECK(his.wakes <= cycles);
    CHECK(his.told >= 1);
    CHECK(his.told <= changes + 1);
}

TEST_CASE("with a relay at work every change wakes every sleeper, whatever they are at",
          "[threads]")
{
    constexpr std::int64_t changes = 3'000;
    scene it{many};
    it.open_relay();
    std::atomic<bool> over{false};
    std::thread relaying{[&] {
        while (!over) {
            pollfd waits{.fd = it.relay->descriptor(), .events = POLLIN, .revents = 0};
            ::poll(&waits, 1, 10);
            it.relay->answer();
            do
                it.relay->ring();
            while (!it.relay->arm());
        }
    }};
    std::vector<std::thread> reading;
    std::vector<char> found(many);
    for (std::uint32_t i = 0; i != many; ++i)
        reading.emplace_back([&, i] {
            auto& one = *it.sleepers[i];
            pollfd waits{.fd = one.changes.doorbell(), .events = POLLIN, .revents = 0};
            while (one.told != changes && ::poll(&waits, 1, 30'000) == 1)
                one.settle();
            found[i] = one.told == changes;
        });
    for (std::int64_t i = 1; i <= changes; ++i) {
        it.writer->view.scores.put(1, i);
        if (i % 64 == 0) // let them sleep now and then
            std::this_thread::yield();
    }
    for (auto& each : reading)
        each.join();
    over = true;
    relaying.join();
    for (auto const one : found)
        CHECK(one);
    CHECK(it.counts().relayed > 0);
}

TEST_CASE("what a block has done of notifying outlives its workers")
{
    scene it{2};
    it.writer->view.scores.put(1, 1);
    for (auto& one : it.sleepers)
        one->settle();
    it.sleepers.pop_back();
    REQUIRE(it.where.memory.reap_block(2, it.where.bells));
    auto const& counts = it.where.memory.memory()->block(2).notified;
    CHECK(counts.wakes == 1);
    CHECK(counts.told == 1);
    it.where.memory.open_block(2, {.pid = ::getpid(), .id = 9, .generation = 1});
    listener next{it.where, 2};
    it.writer->view.scores.put(1, 2);
    next.settle();
    CHECK(counts.wakes == 2);
    CHECK(counts.told == 2);
}

TEST_CASE("everybody is rung at a death, though the dead worker cannot be reaped yet")
{
    scene it{2};
    auto const& memory = it.where.memory;
    // Block 0 has an item, and somebody else works in that queue.
    REQUIRE(it.writer->view.jobs.push(1).stored());
    REQUIRE(it.writer->view.jobs.pop());
    covey::shm::shard_lock lock{*memory.memory(), it.writer->view.jobs.index(), 0};
    std::atomic<bool> held{false};
    std::atomic<bool> over{false};
    std::thread other{[&] {
        held = lock.try_lock();
        while (!over)
            std::this_thread::yield();
        lock.unlock();
    }};
    REQUIRE(covey::test::wait_until([&] { return held.load(); }));
    REQUIRE(it.rung() == 0);
    CHECK_FALSE(it.where.memory.reap_block(0, it.where.bells));
    CHECK(it.rung() == 2);
    for (auto& one : it.sleepers)
        one->settle();
    CHECK_FALSE(it.where.memory.reap_block(0, it.where.bells));
    CHECK(it.rung() == 0); // once
    over = true;
    other.join();
    CHECK(it.where.memory.reap_block(0, it.where.bells));
    CHECK(it.rung() == 2); // it may have been at something that was repaired meanwhile
}

} // namespace doorbell_relay_test
