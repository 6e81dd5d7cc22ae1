#include "support/catch.hpp"

#include <chrono>
#include <covey/master/poison_breaker.hpp>
#include <vector>

namespace poison_breaker_test {

using covey::region;
using covey::repair_report;
using covey::supervision::poison_breaker;
using namespace std::chrono_literals;

namespace {

repair_report death(std::uint64_t number, region where)
{
    return {.number = number, .where = where};
}

} // namespace

TEST_CASE("a region whose lock holders die six times in a minute is quarantined",
          "[master][poison]")
{
    poison_breaker breaker;
    poison_breaker::time_point now{};
    for (std::uint64_t number = 1; number <= 5; ++number)
        CHECK(breaker.add(now += 1s, {death(number, {1, 2})}).empty());
    CHECK(breaker.add(now, {death(6, {1, 2})}) == std::vector<region>{{1, 2}});

    // Ended by hand, it takes as many again.
    for (std::uint64_t number = 7; number <= 11; ++number)
        CHECK(breaker.add(now += 1s, {death(number, {1, 2})}).empty());
    CHECK(breaker.add(now, {death(12, {1, 2})}).size() == 1);
}

TEST_CASE("deaths in other regions, or long ago, or told twice, do not count", "[master][poison]")
{
    poison_breaker breaker;
    poison_breaker::time_point now{};
    std::vector<repair_report> told;
    for (std::uint64_t number = 1; number <= 50; ++number) {
        told.push_back(death(number, {0, static_cast<std::uint32_t>(number % 10)}));
        CHECK(breaker.add(now += 100ms, told).empty());
    }
    for (std::uint64_t number = 51; number <= 70; ++number) {
        told = {death(number, {7, 0})};
        CHECK(breaker.add(now += 15s, told).empty());
    }
}

} // namespace poison_breaker_test
