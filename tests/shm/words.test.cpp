// Fields that are words: levels, extremes, histograms, rates, locks and leaders; what they say, and
// what is left of them when a worker ends.
#include "support/catch.hpp"
#include "support/seed.hpp"
#include "support/test_segment.hpp"

#include <algorithm>
#include <cmath>
#include <covey/shm/counter.hpp>
#include <covey/shm/extreme.hpp>
#include <covey/shm/gauge.hpp>
#include <covey/shm/histogram.hpp>
#include <covey/shm/leader.hpp>
#include <covey/shm/lock.hpp>
#include <covey/shm/rate_limiter.hpp>
#include <limits>
#include <random>

namespace words_test {

using namespace std::chrono_literals;

namespace {

constexpr covey::rate three_a_second{.events = 3, .each = 1s};

struct words : covey::state
{
    covey::gauge in_flight{*this, "in_flight"};
    covey::maximum slowest{*this, "slowest"};
    covey::minimum fastest{*this, "fastest"};
    covey::histogram sizes{*this, "sizes", {.highest = 1'000'000, .precision_bits = 5}};
    covey::rate_limiter logins{*this, "logins", three_a_second};
    covey::lock nightly{*this, "nightly"};
    covey::leader chief{*this, "chief"};
};

using cluster = covey::test::test_segment<words>;

// The worker in the block is dead, the master has reaped it, and another one takes the block.
void die(cluster& all, std::uint32_t block)
{
    REQUIRE(all.memory.reap_block(block, all.bells));
    all.memory.open_block(block, {.pid = ::getpid(), .id = block + 100, .generation = 1});
}

} // namespace

TEST_CASE("a gauge sums the shares, and a dead worker's is taken back")
{
    cluster all{3};
    auto const one = all.join(0);
    auto const two = all.join(1);
    one->view.in_flight.add(5);
    one->view.in_flight.subtract(2);
    two->view.in_flight.set(10);
    CHECK(one->view.in_flight.get() == 13);
    CHECK(two->view.in_flight.share() == 10);
    die(all, 1);
    CHECK(one->view.in_flight.get() == 3);
    CHECK(all.join(1)->view.in_flight.share() == 0);
}

TEST_CASE("what is added to a counter or a gauge beyond 64 bits wraps round, and comes back")
{
    struct sums : covey::state
    {
        covey::counter hits{*this, "hits"};
        covey::gauge level{*this, "level"};
    };
    covey::test::test_segment<sums> all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    CHECK(one->view.hits.add(most) == most);
    CHECK(one->view.hits.add(1) == least);
    CHECK(two->view.hits.add(-1) == most); // over the blocks as within one
    one->view.level.set(most);
    two->view.level.add(1);
    CHECK(one->view.level.get() == least);
    two->view.level.subtract(least);
    CHECK(two->view.level.share() == least + 1);
    CHECK(one->view.level.get() == 0);
}

TEST_CASE("a maximum and a minimum are of all workers, the dead ones too, until they are reset")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    CHECK_FALSE(one->view.slowest.get());
    CHECK_FALSE(one->view.fastest.get());
    for (std::int64_t const number : {-7, 3, -20}) {
        one->view.slowest.record(number);
        one->view.fastest.record(number);
    }
    two->view.slowest.record(-1);
    two->view.fastest.record(-1);
    CHECK(two->view.slowest.get() == 3);
    CHECK(two->view.fastest.get() == -20);
    die(all, 0);
    CHECK(two->view.slowest.get() == 3);
    CHECK(two->view.fastest.get() == -20);
    two->view.slowest.reset();
    CHECK_FALSE(two->view.slowest.get());
    two->view.slowest.record(std::numeric_limits<std::int64_t>::max());
    two->view.fastest.record(std::numeric_limits<std::int64_t>::min());
    CHECK(two->view.slowest.get() == std::numeric_limits<std::int64_t>::max());
    CHECK(two->view.fastest.get() == std::numeric_limits<std::int64_t>::min());
}

TEST_CASE("every number falls into the one bucket whose bounds are around it")
{
    for (std::uint32_t const bits : {1U, 5U, 14U}) {
        covey::histogram_scale const scale{.highest = std::uint64_t{1} << 40,
                                           .precision_bits = bits};
        std::uint64_t next = 0;
        for (std::uint64_t bucket = 0; bucket + 1 < scale.buckets(); ++bucket) {
            auto const low = scale.lowest_of(bucket);
            auto const high = scale.highest_of(bucket);
            REQUIRE(low == next);
            REQUIRE(scale.bucket_of(low) == bucket);
            REQUIRE(scale.bucket_of(high) == bucket);
            REQUIRE((high - low) << bits <= low);
            next = high + 1;
        }
        CHECK(scale.bucket_of(std::numeric_limits<std::uint64_t>::max()) == scale.buckets() - 1);
    }
}

TEST_CASE("a histogram's quantiles are at most a bucket above those of the numbers themselves")
{
    auto const seed = covey::test::seed();
    INFO("seed " << seed);
    std::mt19937_64 random{seed};
    cluster all{3};
    std::vector<std::unique_ptr<covey::test::member<words>>> members;
    for (std::uint32_t block = 0; block != 3; ++block)
        members.push_back(all.join(block));
    std::vector<std::uint64_t> numbers;
    std::uint64_t sum = 0;
    for (int i = 0; i != 10'000; ++i) {
        auto const number = random() % (std::uint64_t{1} << (1 + random() % 19));
        numbers.push_back(number);
        sum += number;
        members[random() % 3]->view.sizes.record(number);
    }
    die(all, 2);
    std::sort(numbers.begin(), numbers.end());
    auto const seen = members[0]->view.sizes.get();
    CHECK(seen.count() == numbers.size());
    CHECK(seen.sum() == sum);
    for (double const part : {0.0, 0.01, 0.5, 0.9, 0.999, 1.0}) {
        auto const rank = static_cast<std::size_t>(std::ceil(part * 10'000));
        auto const exact = numbers[rank == 0 ? 0 : rank - 1];
        auto const told = *seen.quantile(part);
        INFO("quantile " << part << ": " << told << ", exactly " << exact);
        CHECK(told >= exact);
        CHECK(told - exact <= exact / 32);
    }
}

TEST_CASE("histograms are merged when their scales are the same, and refused otherwise")
{
    covey::histogram_snapshot one{{.highest = 100, .precision_bits = 5}};
    CHECK_FALSE(one.quantile(0.5));
    auto two = one;
    one.add(7, 2);
    one.add_sum(14);
    two.add(9, 1);
    two.add_sum(9);
    one.merge(two);
    CHECK(one.count() == 3);
    CHECK(one.sum() == 23);
    CHECK(one.quantile(1) == 9);
    CHECK_THROWS_AS(one.merge(covey::histogram_snapshot{{.highest = 200}}), std::invalid_argument);
}

TEST_CASE("a rate is granted to all workers together, the burst first and then as it is earned")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    auto const start = std::chrono::steady_clock::now();
    CHECK(one->view.logins.take(1, start));
    CHECK(two->view.logins.take(2, start));
    auto const refused = one->view.logins.take(1, start);
    CHECK_FALSE(refused);
    CHECK(refused.retry_after == 333'333'333ns);
    CHECK_FALSE(one->view.logins.take(1, start + refused.retry_after - 1ns));
    CHECK(one->view.logins.take(1, start + refused.retry_after));
    CHECK_FALSE(two->view.logins.take(1, start + refused.retry_after));
    // A rest earns the burst and no more.
    CHECK(two->view.logins.take(3, start + 1h));
    CHECK_FALSE(two->view.logins.take(1, start + 1h));
    CHECK_FALSE(two->view.logins.take(4, start + 2h));
}

TEST_CASE("a lock is one worker's at a time, and each hold has an epoch of its own")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    CHECK_FALSE(one->view.nightly.holder());
    {
        auto held = one->view.nightly.try_hold();
        REQUIRE(held);
        CHECK(held->epoch() == 1);
        CHECK(two->view.nightly.holder() == covey::holder{.block = 0, .epoch = 1});
        CHECK_FALSE(two->view.nightly.try_hold());
        CHECK_FALSE(one->view.nightly.try_hold());
        auto moved = std::move(*held);
        CHECK(one->view.nightly.holder());
    }
    auto const next = two->view.nightly.try_hold();
    REQUIRE(next);
    CHECK(next->epoch() == 2);
}

TEST_CASE(
    "a dead holder's lock is free when its block is reaped, and its late words are told apart")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    auto dead = one->view.nightly.try_hold();
    REQUIRE(one->view.chief.run());
    CHECK_FALSE(two->view.chief.run());
    auto const led = *one->view.chief.mine();

    die(all, 0);
    CHECK_FALSE(two->view.nightly.holder());
    CHECK_FALSE(one->view.chief.mine());
    auto const held = two->view.nightly.try_hold();
    REQUIRE(held);
    CHECK(held->epoch() > dead->epoch());
    dead->release(); // it was not dead, only slow: nobody else's hold ends
    CHECK(one->view.nightly.holder() == covey::holder{.block = 1, .epoch = held->epoch()});
    REQUIRE(two->view.chief.run());
    CHECK(two->view.chief.mine() > led);
    CHECK(two->view.chief.run());
    one->view.chief.resign(); // it is not its to give
    CHECK(two->view.chief.mine());
    two->view.chief.resign();
    CHECK_FALSE(two->view.chief.holder());
}

TEST_CASE("a handler hears that a word is another: by a write, by a release and by a death")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    covey::subscription changes{two->who};
    std::vector<std::int64_t> levels;
    std::vector<std::optional<std::int64_t>> extremes;
    std::vector<std::optional<covey::holder>> leaders;
    changes.on_change(
        two->view.in_flight, [&](auto const& now) { levels.push_back(now.level); },
        covey::test::every_change);
    changes.on_change(
        two->view.slowest, [&](auto const& now) { extremes.push_back(now.number); },
        covey::test::every_change);
    changes.on_change(
        two->view.chief, [&](auto const& now) { leaders.push_back(now.by); },
        covey::test::every_change);
    REQUIRE(changes.arm());

    one->view.in_flight.add(4);
    CHECK_FALSE(changes.arm()); // there is news
    one->view.in_flight.add(4); // a dispatch tells the level, not each step
    one->view.slowest.record(9);
    one->view.slowest.record(8);
    one->view.chief.run();
    changes.dispatch();
    CHECK(levels == std::vector<std::int64_t>{8});
    CHECK(extremes == std::vector<std::optional<std::int64_t>>{9});
    REQUIRE(leaders.size() == 1);
    CHECK(leaders.back()->block == 0);

    CHECK(changes.dispatch() == 0);
    die(all, 0);
    changes.dispatch();
    CHECK(levels.back() == 0);
    REQUIRE(leaders.size() == 2);
    CHECK_FALSE(leaders.back());
    one->view.slowest.reset();
    changes.dispatch();
    CHECK_FALSE(extremes.back());
}

TEST_CASE("what no histogram and no rate can be is refused when it is declared")
{
    struct imprecise : covey::state
    {
        covey::histogram sizes{*this, "sizes", {.highest = 10, .precision_bits = 0}};
    };
    struct huge : covey::state
    {
        covey::histogram sizes{
            *this, "sizes", {.highest = ~std::uint64_t{0}, .precision_bits = 14}};
    };
    struct timeless : covey::state
    {
        covey::rate_limiter logins{*this, "logins", {.events = 5, .each = 0s}};
    };
    CHECK_THROWS_AS(imprecise{}, std::invalid_argument);
    CHECK_THROWS_AS(covey::segment::create(huge{}.described(), 2, "test"), std::invalid_argument);
    CHECK_THROWS_AS(timeless{}, std::invalid_argument);
}

TEST_CASE("histograms of other scales are other schemas")
{
    struct coarse : covey::state
    {
        covey::histogram sizes{*this, "sizes", {.highest = 1'000, .precision_bits = 4}};
    };
    struct fine : covey::state
    {
        covey::histogram sizes{*this, "sizes", {.highest = 1'000, .precision_bits = 5}};
    };
    CHECK(coarse{}.described().text() == "histogram sizes u64, up to 1000, 4 bits\n");
    CHECK(coarse{}.described().fingerprint() != fine{}.described().fingerprint());
}

} // namespace words_test
