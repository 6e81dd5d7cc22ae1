#include <covey/master/dispatch.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

using namespace covey;
using namespace covey::supervision;

namespace {

// `count` seats that are ready and idle.
std::vector<seat_view> idle(std::size_t count)
{
    return std::vector<seat_view>(count, seat_view{true, 0, 0});
}

} // namespace

TEST_CASE("round robin gives every seat the same number, whatever they have to do",
          "[master][dispatch]")
{
    auto seats = idle(3);
    seats[1].connections = 1'000;
    std::array<int, 3> got{};
    std::uint32_t last = 2;
    for (int i = 0; i < 100; ++i) {
        auto const chosen = choose_seat(dispatch_policy::round_robin, seats, last);
        REQUIRE(chosen);
        CHECK(*chosen == (last + 1) % 3);
        last = *chosen;
        ++got[last];
    }
    auto const [least, most] = std::minmax_element(got.begin(), got.end());
    CHECK(*most - *least <= 1);
}

TEST_CASE("least loaded gives nothing to a busy seat while another is idle", "[master][dispatch]")
{
    auto seats = idle(2);
    seats[0].connections = 3;
    for (std::uint32_t last : {0U, 1U})
        CHECK(choose_seat(dispatch_policy::least_loaded, seats, last) == 1U);
}

TEST_CASE("least loaded counts what a seat has been passed and not acknowledged",
          "[master][dispatch]")
{
    auto seats = idle(2);
    seats[0] = {true, 4, 0};
    seats[1] = {true, 0, 3};
    CHECK(choose_seat(dispatch_policy::least_loaded, seats, 0) == 1U);
    seats[1].connections = 5;
    CHECK(choose_seat(dispatch_policy::least_loaded, seats, 0) == 0U);
}

TEST_CASE("least loaded goes round among equals", "[master][dispatch]")
{
    auto const seats = idle(4);
    for (std::uint32_t last = 0; last < 4; ++last)
        CHECK(choose_seat(dispatch_policy::least_loaded, seats, last) == (last + 1) % 4);
}

TEST_CASE("a worker that claims an absurd load does not become the idlest", "[master][dispatch]")
{
    auto seats = idle(2);
    seats[0] = {true, 7, 0xffff'ffff};
    seats[1] = {true, 0, 100};
    CHECK(choose_seat(dispatch_policy::least_loaded, seats, 0) == 1U);
}

TEST_CASE("a seat that is not ready or has a full window is passed over", "[master][dispatch]")
{
    for (auto const policy : {dispatch_policy::round_robin, dispatch_policy::least_loaded}) {
        auto seats = idle(3);
        seats[0].open = false;
        seats[1].unacknowledged = window;
        seats[2].unacknowledged = window - 1;
        CHECK(choose_seat(policy, seats, 2) == 2U);
        seats[2].unacknowledged = window;
        CHECK(choose_seat(policy, seats, 2) == std::nullopt);
    }
    CHECK(choose_seat(dispatch_policy::round_robin, {}, 0) == std::nullopt);
}

TEST_CASE("who gave a connection back gets it again only when nobody else can take it",
          "[master][dispatch]")
{
    auto seats = idle(2);
    CHECK(choose_seat(dispatch_policy::round_robin, seats, 1, 0) == 1U);
    seats[1].open = false;
    CHECK(choose_seat(dispatch_policy::round_robin, seats, 1, 0) == 0U);
    seats[0].unacknowledged = window;
    CHECK(choose_seat(dispatch_policy::round_robin, seats, 1, 0) == std::nullopt);
}

TEST_CASE("whatever the loads, the chosen seat has room and none with room has less to do",
          "[master][dispatch]")
{
    auto const seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random{seed};
    auto const up_to = [&](std::uint32_t most) {
        return std::uniform_int_distribution<std::uint32_t>{0, most}(random);
    };
    for (int round = 0; round < 2'000; ++round) {
        std::vector<seat_view> seats(1 + up_to(7));
        for (auto& one : seats)
            one = {up_to(3) != 0, up_to(window), up_to(5)};
        auto const last = up_to(static_cast<std::uint32_t>(seats.size()) - 1);
        auto const chosen = choose_seat(dispatch_policy::least_loaded, seats, last);
        REQUIRE(chosen.has_value() == std::any_of(seats.begin(), seats.end(), has_room));
        if (!chosen)
            continue;
        REQUIRE(has_room(seats[*chosen]));
        for (auto const& other : seats)
            if (has_room(other))
                REQUIRE(other.connections + other.unacknowledged >=
                        seats[*chosen].connections + seats[*chosen].unacknowledged);
    }
}
