#include "support/catch.hpp"

#include <covey/worker/poll_odds.hpp>

namespace poll_odds_test {

using namespace std::chrono_literals;

namespace {

// Of 1,000 decisions how many were to look, with every nth gap a short one.
int looks(covey::poll_odds odds, int nth)
{
    int count = 0;
    for (int i = 0; i != 1'000; ++i) {
        count += odds.pays();
        odds.news_after(i % nth == 0 ? 10us : 1ms);
    }
    return count;
}

} // namespace

TEST_CASE(
    "who looks for changes goes on while that finds some, and sleeps at once when it does not")
{
    covey::poll_odds const begin{50us};
    CHECK(begin.pays());
    CHECK(looks(begin, 1) == 1'000);
    CHECK(looks(begin, 3) > 900);
    CHECK(looks(begin, 8) < 100);
    CHECK(looks(begin, 1'001) < 10);
}

TEST_CASE("looking begins anew when changes come quickly again")
{
    covey::poll_odds odds{50us};
    for (int i = 0; i != 1'000; ++i)
        odds.news_after(1s);
    CHECK_FALSE(odds.pays());
    int quick = 0;
    for (; !odds.pays(); ++quick)
        odds.news_after(5us);
    CHECK(quick > 1); // two that happen to meet are no flow
    CHECK(quick < 10);
}

TEST_CASE("without a budget nobody looks")
{
    covey::poll_odds odds{0us};
    CHECK_FALSE(odds.pays());
    for (int i = 0; i != 100; ++i)
        odds.news_after(0us);
    CHECK_FALSE(odds.pays());
}

} // namespace poll_odds_test
