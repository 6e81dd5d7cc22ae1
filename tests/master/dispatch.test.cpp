#include <covey/master/dispatch.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <random>
#include <sys/socket.h>
#include <vector>

namespace dispatch_test {

using namespace covey;
using namespace covey::supervision;

namespace {

// `count` seats that are ready and idle.
std::vector<seat_view> idle(std::size_t count)
{
    return std::vector<seat_view>(count, seat_view{.open = true});
}

client_address client(unsigned char a, unsigned char b, unsigned char c, unsigned char d)
{
    sockaddr_storage out{};
    auto* const in = static_cast<sockaddr_in*>(static_cast<void*>(&out));
    in->sin_family = AF_INET;
    in->sin_addr.s_addr =
        htonl(std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d);
    return client_address{out};
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
    seats[0] = {.open = true, .unacknowledged = 4, .connections = 0};
    seats[1] = {.open = true, .unacknowledged = 0, .connections = 3};
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
    seats[0] = {.open = true, .unacknowledged = 7, .connections = 0xffff'ffff};
    seats[1] = {.open = true, .unacknowledged = 0, .connections = 100};
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

TEST_CASE("a worker that takes no more connections has no room, whatever the policy",
          "[master][dispatch]")
{
    for (auto const policy :
         {dispatch_policy::round_robin, dispatch_policy::least_loaded, dispatch_policy::hash}) {
        auto seats = idle(3);
        std::array<std::uint32_t, 3> const limits{0, 1, 9};
        for (std::size_t i = 0; i < limits.size(); ++i)
            seats[i].limit = limits[i];
        std::uint32_t last = 2;
        for (int connection = 0; connection < 10; ++connection) {
            auto const chosen = choose_seat(policy, seats, last, std::nullopt, client(10, 0, 0, 7));
            REQUIRE(chosen);
            last = *chosen;
            ++seats[last].connections;
        }
        for (std::size_t i = 0; i < limits.size(); ++i)
            CHECK(seats[i].connections == limits[i]);
        CHECK(choose_seat(policy, seats, last) == std::nullopt);
    }
}

TEST_CASE("what a worker has not taken over yet counts towards its limit", "[master][dispatch]")
{
    auto seats = idle(1);
    seats[0].limit = 3;
    seats[0].connections = 1;
    seats[0].unacknowledged = 1;
    CHECK(choose_seat(dispatch_policy::least_loaded, seats, 0) == 0U);
    seats[0].unacknowledged = 2;
    CHECK(choose_seat(dispatch_policy::least_loaded, seats, 0) == std::nullopt);
}

TEST_CASE("hash keeps a client on its seat, and a seat that goes moves only its own clients",
          "[master][dispatch]")
{
    auto seats = idle(4);
    std::array<int, 4> clients{};
    std::vector<std::uint32_t> home;
    for (unsigned i = 0; i < 4'000; ++i) {
        auto const who =
            client(10, 1, static_cast<unsigned char>(i / 250), static_cast<unsigned char>(i % 250));
        home.push_back(*choose_seat(dispatch_policy::hash, seats, i % 4, std::nullopt, who));
        seats[home.back()].connections = i; // however busy it is
        CHECK(choose_seat(dispatch_policy::hash, seats, 0, std::nullopt, who) == home.back());
        ++clients[home.back()];
    }
    for (int const share : clients) {
        CHECK(share > 850); // of 1000; the spread's standard deviation is 27
        CHECK(share < 1'150);
    }
    seats[2].open = false;
    for (unsigned i = 0; i < 4'000; ++i) {
        auto const now = choose_seat(dispatch_policy::hash, seats, 0, std::nullopt,
                                     client(10, 1, static_cast<unsigned char>(i / 250),
                                            static_cast<unsigned char>(i % 250)));
        REQUIRE(now);
        if (home[i] != 2)
            CHECK(*now == home[i]);
        else
            CHECK(*now != 2);
    }
}

TEST_CASE("a client without an address is hashed to the least loaded", "[master][dispatch]")
{
    auto seats = idle(2);
    seats[0].connections = 1;
    CHECK(choose_seat(dispatch_policy::hash, seats, 1) == 1U);
}

TEST_CASE("a client's address is read from both families", "[master][dispatch]")
{
    CHECK(client(192, 0, 2, 1).text() == "192.0.2.1");
    CHECK(client(192, 0, 2, 1).bytes().size() == 4);
    sockaddr_storage six{};
    auto* const in = static_cast<sockaddr_in6*>(static_cast<void*>(&six));
    in->sin6_family = AF_INET6;
    ::inet_pton(AF_INET6, "2001:db8::7", &in->sin6_addr);
    CHECK(client_address{six}.text() == "2001:db8::7");
    ::inet_pton(AF_INET6, "::ffff:192.0.2.1", &in->sin6_addr);
    CHECK(client_address{six} == client(192, 0, 2, 1));
    CHECK_FALSE(client_address{sockaddr_storage{}}.is_known());
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
            one = {.open = up_to(3) != 0, .unacknowledged = up_to(window), .connections = up_to(5)};
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

} // namespace dispatch_test
