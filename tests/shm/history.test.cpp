// The checker of histories is itself held against histories that no order explains.
#include "support/history.hpp"

#include "support/catch.hpp"

#include <vector>

namespace history_test {

using covey::test::deed;
using covey::test::event;
using covey::test::linearize;

namespace {

event wrote(std::uint64_t called, std::uint64_t returned, std::uint64_t value,
            std::uint64_t revision)
{
    return {.what = deed::put,
            .found = true,
            .called = called,
            .returned = returned,
            .value = value,
            .revision = revision};
}

event found(std::uint64_t called, std::uint64_t returned, std::uint64_t value,
            std::uint64_t revision)
{
    return {.found = revision != 0,
            .called = called,
            .returned = returned,
            .value = value,
            .revision = revision};
}

event erased(std::uint64_t called, std::uint64_t returned, std::uint64_t revision)
{
    return {.what = deed::erase,
            .found = true,
            .called = called,
            .returned = returned,
            .revision = revision};
}

} // namespace

TEST_CASE("a history that some order explains is accepted")
{
    CHECK(linearize({}) == "");
    CHECK(linearize({erased(10, 11, 2), found(1, 2, 0, 0), wrote(3, 9, 7, 1), found(4, 5, 0, 0),
                     found(6, 8, 7, 1), found(12, 13, 0, 0)}) == "");
    // A killed write may have happened, at any later time, or not.
    event const killed{.what = deed::put, .called = 3, .value = 8};
    CHECK(linearize({wrote(1, 2, 7, 1), killed, found(4, 5, 7, 1)}) == "");
    CHECK(linearize({wrote(1, 2, 7, 1), killed, found(4, 5, 7, 1), found(6, 7, 8, 2)}) == "");
}

TEST_CASE("a history that no order explains is refused, and why")
{
    auto const why = [](std::vector<event> const& all) { return linearize(all); };
    using Catch::StartsWith;
    CHECK_THAT(why({wrote(1, 2, 7, 1), wrote(3, 4, 8, 1)}), StartsWith("two writes"));
    CHECK_THAT(why({wrote(1, 2, 7, 1), wrote(3, 4, 8, 2), found(5, 6, 7, 1)}), StartsWith("older"));
    CHECK_THAT(why({wrote(1, 2, 7, 2), wrote(3, 4, 8, 1)}), StartsWith("older"));
    CHECK_THAT(why({wrote(1, 2, 7, 1), found(3, 4, 0, 0)}), StartsWith("a row is missing"));
    CHECK_THAT(why({wrote(1, 2, 7, 1), found(3, 4, 9, 2)}),
               StartsWith("a row is found that nobody"));
    CHECK_THAT(why({wrote(1, 2, 7, 1), found(3, 4, 9, 1)}), StartsWith("a row is found that its"));
    CHECK_THAT(why({found(1, 2, 7, 1), wrote(3, 4, 7, 1)}), StartsWith("a row is found before"));
    CHECK_THAT(why({wrote(1, 2, 7, 1), erased(3, 4, 2), found(5, 6, 7, 1)}), StartsWith("older"));
    event exchange = wrote(5, 6, 9, 3);
    exchange.what = deed::compare_and_set;
    exchange.compared = 1;
    CHECK_THAT(why({wrote(1, 2, 7, 1), wrote(3, 4, 8, 2), exchange}), StartsWith("something"));
    event const killed{.what = deed::put, .called = 3, .value = 8};
    CHECK_THAT(why({killed, found(4, 5, 8, 2), found(6, 7, 8, 3)}), StartsWith("a killed write"));
    CHECK_THAT(why({found(1, 2, 8, 2), killed}), StartsWith("a row is found that nobody"));
}

} // namespace history_test
