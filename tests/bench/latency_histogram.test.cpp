// What the notification bench counts latencies in: three digits, from a nanosecond to minutes.
#include <cstdint>
#include <memory>
#include <notification_latency/latency_histogram.hpp>
#include <random>
#include <support/catch.hpp>
#include <support/seed.hpp>

namespace latency_histogram_test {

using covey::bench::distribution;
using covey::bench::latency_histogram;

namespace {

distribution of(latency_histogram const& seen)
{
    distribution out;
    out.add(seen);
    return out;
}

} // namespace

TEST_CASE("a latency is told to a thousandth of itself, whatever it is")
{
    auto const seed = covey::test::seed();
    std::mt19937_64 random{seed};
    for (int i = 0; i != 2'000; ++i) {
        auto const latency =
            static_cast<std::int64_t>(random() >> (25 + random() % 39)); // of every length
        auto const seen = std::make_unique<latency_histogram>();
        seen->record(latency);
        seen->record(std::int64_t{1} << 39); // so that it is not the highest, which is exact
        auto const told = of(*seen).percentile(0.5);
        CAPTURE(latency, told);
        REQUIRE(told >= latency);
        REQUIRE(told <= latency + latency / 1'000);
    }
}

TEST_CASE("percentiles are by nearest rank, and the highest latency is exact")
{
    auto const seen = std::make_unique<latency_histogram>();
    for (std::int64_t latency = 1; latency <= 1'000; ++latency)
        seen->record(latency);
    seen->record(1'234'567);
    auto const all = of(*seen);
    CHECK(all.count() == 1'001);
    CHECK(all.percentile(0.5) == 501);
    CHECK(all.percentile(0.9) == 901);
    CHECK(all.percentile(0.99) == 991);
    CHECK(all.percentile(1) == 1'234'567);
    CHECK(all.most() == 1'234'567);
    CHECK(all.count_to(600) == 600);
    CHECK(all.count_to(2'000'000) == 1'001);
}

TEST_CASE("a latency below zero and one beyond the last bucket count as the nearest there is")
{
    auto const seen = std::make_unique<latency_histogram>();
    seen->record(-5);
    seen->record(std::int64_t{1} << 62);
    auto const all = of(*seen);
    CHECK(all.count() == 2);
    CHECK(all.percentile(0.5) == 0);
    CHECK(all.most() == (std::int64_t{1} << latency_histogram::bits_most) - 1);
}

TEST_CASE("distributions of several receivers add up")
{
    auto const one = std::make_unique<latency_histogram>();
    auto const other = std::make_unique<latency_histogram>();
    one->record(10);
    other->record(20);
    other->record(30);
    distribution all;
    CHECK(all.percentile(0.5) == 0); // nothing was seen
    all.add(of(*one));
    all.add(of(*other));
    CHECK(all.count() == 3);
    CHECK(all.percentile(0.5) == 20);
    CHECK(all.mean() == 20);
    CHECK(all.deviation() > 8.16);
    CHECK(all.deviation() < 8.17);
}

} // namespace latency_histogram_test
