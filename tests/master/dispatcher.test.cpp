#include <covey/master/dispatcher.hpp>

#include "support/catch.hpp"
#include "support/descriptor_count.hpp"
#include "support/said.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <covey/master/listener.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace dispatcher_test {

using namespace covey;
using namespace covey::supervision;
using namespace std::chrono_literals;

namespace {

// Seats that only count; a real listener and real clients.
struct fixture
{
    explicit fixture(std::uint32_t count, dispatch_policy policy = dispatch_policy::round_robin,
                     decltype(options::balance) balance = {},
                     std::chrono::milliseconds rejection_wait = 1h)
        : seats(count, seat_view{.open = true})
        , held(count)
        , moves{io.get_executor(), with(policy, std::move(balance), rejection_wait), count,
                dispatcher::seats{.look =
                                      [this](std::span<seat_view> views) {
                                          std::copy(seats.begin(), seats.end(), views.begin());
                                      },
                                  .pass =
                                      [this](std::uint32_t seat, passed_connection& one) {
                                          if (refuses == static_cast<int>(seat)) {
                                              seats[seat].open = false;
                                              return false;
                                          }
                                          ++seats[seat].unacknowledged;
                                          held[seat].push_back(std::move(one));
                                          return true;
                                      }}}
    {
        moves.add(0, where.socket_for(0), where.address());
    }

    static options with(dispatch_policy policy, decltype(options::balance) balance,
                        std::chrono::milliseconds rejection_wait)
    {
        options out;
        out.rejection_wait = rejection_wait;
        out.dispatch = policy;
        out.balance = std::move(balance);
        return out;
    }

    void connect(int count)
    {
        auto const& text = where.address();
        auto const port = std::stoi(text.substr(text.rfind(':') + 1));
        for (; count > 0; --count) {
            clients.emplace_back(io);
            clients.back().connect(
                {net::ip::make_address("127.0.0.1"), static_cast<net::ip::port_type>(port)});
        }
    }

    std::size_t passed() const
    {
        std::size_t sum = 0;
        for (auto const& one : held)
            sum += one.size();
        return sum;
    }

    bool until_passed(std::size_t count)
    {
        return test::run_until(io, [&] { return passed() >= count; });
    }

    // The seat gives back what it was passed first.
    void reject(std::uint32_t seat)
    {
        auto one = std::move(held[seat].front());
        held[seat].erase(held[seat].begin());
        --seats[seat].unacknowledged;
        ++one.rejections;
        one.rejected_by = seat;
        std::vector<passed_connection> back;
        back.push_back(std::move(one));
        moves.take_back(std::move(back));
    }

    // The seat is gone: what it held comes back.
    void die(std::uint32_t seat)
    {
        seats[seat] = {};
        moves.take_back(std::exchange(held[seat], {}));
    }

    net::io_context io{1};
    listener where{"127.0.0.1:0"};
    std::vector<net::ip::tcp::socket> clients;
    std::vector<seat_view> seats;
    std::vector<std::vector<passed_connection>> held;
    int refuses = -1;
    dispatcher moves;
};

} // namespace

TEST_CASE("connections wait in the backlog when every window is full", "[master][dispatcher]")
{
    fixture it{2};
    it.connect(2 * window + 4);
    it.moves.pump();
    REQUIRE(it.until_passed(2 * window));
    auto const handlers = it.io.run_for(100ms);
    CHECK(it.passed() == 2 * window);
    CHECK(it.moves.waiting() == 0); // none has been accepted that cannot be passed
    CHECK(handlers <= 4);           // and nothing spins

    for (auto& one : it.seats)
        one.unacknowledged = 0;
    it.moves.pump();
    CHECK(it.until_passed(2 * window + 4));
}

TEST_CASE("one seat that never acknowledges does not hold up the others", "[master][dispatcher]")
{
    fixture it{2};
    it.seats[0].unacknowledged = window;
    it.connect(5);
    it.moves.pump();
    REQUIRE(it.until_passed(5));
    CHECK(it.held[0].empty());
    CHECK(it.held[1].size() == 5);
}

TEST_CASE("what a dead seat held goes to a sibling once, in order, before new connections",
          "[master][dispatcher]")
{
    fixture it{2};
    it.seats[1].open = false;
    it.connect(3);
    it.moves.pump();
    REQUIRE(it.until_passed(3));
    std::vector<handle const*> order;
    for (auto const& one : it.held[0])
        order.push_back(one.socket.get());

    it.die(0);
    CHECK(it.moves.waiting() == 3); // nobody can take them now
    it.connect(1);
    it.seats[1].open = true;
    it.moves.pump();
    REQUIRE(it.until_passed(4));
    std::vector<handle const*> arrived;
    for (auto const& one : it.held[1])
        arrived.push_back(one.socket.get());
    arrived.resize(3);
    CHECK(arrived == order);
}

TEST_CASE("a rejected connection goes to another seat", "[master][dispatcher]")
{
    fixture it{2};
    it.connect(1);
    it.moves.pump();
    REQUIRE(it.until_passed(1));
    auto const holder = it.held[0].empty() ? 1U : 0U;
    it.reject(holder);
    CHECK(it.held[holder].empty());
    CHECK(it.held[1 - holder].size() == 1);
}

TEST_CASE("what is rejected one after the other keeps its order while it waits",
          "[master][dispatcher]")
{
    fixture it{1};
    it.connect(4);
    it.moves.pump();
    REQUIRE(it.until_passed(4));
    std::vector<std::uint64_t> order;
    for (auto const& one : it.held[0])
        order.push_back(one.arrival);
    CHECK(std::is_sorted(order.begin(), order.end()));
    it.seats[0].limit = 0; // it takes none any more
    while (!it.held[0].empty())
        it.reject(0);
    CHECK(it.moves.waiting() == 4);
    it.seats[0].limit = seat_view::no_limit;
    it.moves.pump();
    REQUIRE(it.passed() == 4);
    std::vector<std::uint64_t> arrived;
    for (auto const& one : it.held[0])
        arrived.push_back(one.arrival);
    CHECK(arrived == order);
}

TEST_CASE("a connection that every seat rejects is offered again for a while, then closed",
          "[master][dispatcher]")
{
    auto const wait = 200ms;
    fixture it{2, dispatch_policy::round_robin, {}, wait};
    it.connect(1);
    it.moves.pump();
    REQUIRE(it.until_passed(1));
    auto const began = std::chrono::steady_clock::now();
    long rejections = 0;
    auto const reject_all = [&] {
        while (!it.held[0].empty() || !it.held[1].empty()) {
            it.reject(it.held[0].empty() ? 1 : 0);
            ++rejections;
        }
    };
    reject_all();
    CHECK(rejections == long{dispatcher::rejections_max}); // then it rests
    CHECK(it.moves.waiting() == 1);
    it.connect(3);
    it.moves.pump();
    it.io.poll();
    CHECK(it.passed() == 0); // who comes now waits in the backlog
    SECTION("when somebody takes it after all, all are served")
    {
        REQUIRE(it.until_passed(4));
        CHECK(it.moves.closed_unwanted() == 0);
    }
    SECTION("nobody takes it")
    {
        auto const log = test::said([&] {
            REQUIRE(test::run_until(it.io, [&] {
                if (it.moves.closed_unwanted() == 0)
                    reject_all();
                return it.moves.closed_unwanted() == 1;
            }));
        });
        CHECK(std::chrono::steady_clock::now() - began >= wait);
        CHECK(log.find("closed 1 connections that worker after worker has rejected for 200 ms; 1 "
                       "so far") != std::string::npos);
        // Of each of the four, at most three in 50 ms: no ping-pong.
        CHECK(rejections <= 4 * 3 * (wait / dispatcher::rest_between_offers + 1));
        boost::system::error_code ended;
        char byte = 0;
        it.clients.front().read_some(net::buffer(&byte, 1), ended);
        CHECK(ended == net::error::eof);
        CHECK(it.until_passed(3)); // the others have their turn
    }
}

TEST_CASE("a seat whose channel is full is passed over", "[master][dispatcher]")
{
    fixture it{2};
    it.refuses = 0;
    it.connect(4);
    it.moves.pump();
    REQUIRE(it.until_passed(4));
    CHECK(it.held[1].size() == 4);
}

TEST_CASE("when accepting stops, what is in the backlog is still passed on", "[master][dispatcher]")
{
    fixture it{1};
    it.connect(window + 4);
    it.moves.stop_accepting();
    CHECK(it.passed() == window);
    CHECK(it.moves.waiting() == 4);
    it.seats[0].unacknowledged = 0;
    it.moves.pump();
    CHECK(it.passed() == window + 4);
}

TEST_CASE("the application's choice is followed", "[master][dispatcher]")
{
    std::vector<std::string> asked;
    fixture it{3, dispatch_policy::custom,
               [&](std::string const& client, std::span<seat_view const> seats) {
                   asked.push_back(client);
                   return std::optional{static_cast<std::uint32_t>(seats.size() - 1)};
               }};
    it.connect(5);
    it.moves.pump();
    REQUIRE(it.until_passed(5));
    CHECK(it.held[2].size() == 5);
    CHECK(asked == std::vector<std::string>(5, "127.0.0.1"));
}

TEST_CASE("a choice that cannot be followed goes to the least loaded, and is told once",
          "[master][dispatcher]")
{
    std::size_t calls = 0;
    fixture it{2, dispatch_policy::custom,
               [&](std::string const&, std::span<seat_view const>) -> std::optional<std::uint32_t> {
                   switch (calls++ % 3) {
                   case 0:
                       throw std::runtime_error{"no idea"};
                   case 1:
                       return 7;
                   default:
                       return std::nullopt;
                   }
               }};
    it.connect(6);
    auto const log = test::said([&] {
        it.moves.pump();
        REQUIRE(it.until_passed(6));
    });
    CHECK(it.held[0].size() == 3);
    CHECK(it.held[1].size() == 3);
    CHECK(log.find("options::balance: no idea") != std::string::npos);
    CHECK(log.find("options::balance") == log.rfind("options::balance"));
}

TEST_CASE("a socket that workers accept from is swept, and what waited is passed on",
          "[master][dispatcher]")
{
    fixture it{1};
    listener const other{"127.0.0.1:0"};
    CHECK(it.moves.sweep(1, other.socket_for(0), other.address()) == 0);
    it.connect(3);
    CHECK(it.moves.sweep(0, it.where.socket_for(0), it.where.address()) == 3);
    CHECK(it.until_passed(3));
}

TEST_CASE("a dispatcher that gives up closes what waits and what comes back",
          "[master][dispatcher]")
{
    auto const before = test::descriptor_count();
    {
        fixture it{1};
        it.connect(3);
        it.moves.pump();
        REQUIRE(it.until_passed(3));
        it.die(0);
        CHECK(it.moves.waiting() == 3);
        it.moves.give_up();
        CHECK(it.moves.waiting() == 0);
        it.moves.take_back({passed_connection{}});
        CHECK(it.moves.waiting() == 0);
    }
    CHECK(test::descriptor_count() == before);
}

} // namespace dispatcher_test
