// That a master's loop rings whom writers leave to it.
#include <covey/master/bell_watch.hpp>

#include "support/catch.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <covey/shm/arena.hpp>
#include <covey/shm/map.hpp>
#include <memory>
#include <poll.h>
#include <vector>

namespace bell_watch_test {

using covey::supervision::bell_watch;
using covey::test::run_until;

namespace {

struct board : covey::state
{
    covey::map<std::uint32_t, std::int64_t> scores{*this, "scores", covey::capacity{10}};
};

using world = covey::test::test_segment<board>;
using member = covey::test::member<board>;

constexpr std::uint32_t many = covey::shm::relay_above + 1;

struct sleeper
{
    sleeper(world const& where, std::uint32_t block)
        : me{where.join(block)}
        , changes{me->who}
    {
        changes.on_change(me->view.scores, [](auto const&) {});
        sleep();
    }
    void sleep()
    {
        changes.answer();
        do
            changes.dispatch();
        while (!changes.arm());
    }
    bool is_rung() const
    {
        pollfd waits{.fd = changes.doorbell(), .events = POLLIN, .revents = 0};
        return ::poll(&waits, 1, 0) == 1;
    }
    std::unique_ptr<member> me;
    covey::subscription changes;
};

} // namespace

TEST_CASE("a master's loop rings the sleepers that writers leave to it, and rests in between",
          "[master]")
{
    world where{many + 1};
    auto const writer = where.join(0);
    std::vector<std::unique_ptr<sleeper>> asleep;
    for (std::uint32_t block = 1; block <= many; ++block)
        asleep.push_back(std::make_unique<sleeper>(where, block));
    auto const rung = [&] {
        return std::count_if(asleep.begin(), asleep.end(),
                             [](auto const& one) { return one->is_rung(); });
    };
    boost::asio::io_context loop;
    auto const bells = std::make_shared<covey::doorbells const>(member::copy(where.bells));
    auto const watch =
        std::make_shared<bell_watch>(loop.get_executor(), where.memory.memory(), bells);
    watch->start();
    auto const& head = where.memory.memory()->head();
    for (std::uint32_t round = 1; round <= 3; ++round) {
        CHECK(loop.poll() == 0);
        writer->view.scores.put(1, round);
        CHECK(rung() == 0);
        CHECK(run_until(loop, [&] { return rung() == many; }));
        CHECK(head.relay.rings.load() == round * many);
        for (auto& one : asleep)
            one->sleep();
    }
    CHECK(where.memory.memory()->block(0).notified.rings.load() == 3);

    writer->view.scores.put(1, 4);
    watch->stop(); // whom it was to ring, and whoever comes after
    CHECK(rung() == many);
    for (auto& one : asleep)
        one->sleep();
    writer->view.scores.put(1, 5);
    CHECK(rung() == many);
    loop.restart();
    loop.run(); // nothing is left to wait for
}

} // namespace bell_watch_test
