// A worker's loop announces rows whose time is over.
#include "support/catch.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/io_context.hpp>
#include <covey/shm/map.hpp>
#include <covey/worker/sweep_loop.hpp>

namespace sweep_loop_test {

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;

namespace {

struct kept : state
{
    covey::map<std::uint32_t, std::int64_t> rows{*this, "rows", capacity{100}, {.expires = true}};
};

struct worker_and_listener
{
    worker_and_listener()
    {
        changes.on_change(
            listener->view.rows,
            [this](auto const& told) { expired += told.kind == change_kind::expire ? 1 : 0; },
            covey::test::every_change);
    }
    bool until_expired(std::size_t count)
    {
        return run_until(loop, [&] {
            changes.dispatch();
            return expired == count;
        });
    }

    test_segment<kept> where{3};
    std::unique_ptr<member<kept>> worker = where.join(0);
    std::unique_ptr<member<kept>> listener = where.join(1);
    boost::asio::io_context loop{1};
    subscription changes{listener->who};
    std::size_t expired = 0;
};

} // namespace

TEST_CASE("rows whose time is over are told though nobody asks", "[worker][sweep]")
{
    worker_and_listener it;
    it.worker->view.rows.put(1, 1, 1ms); // before there is a loop
    sweep_loop sweeps{it.loop, it.worker->who};
    CHECK(it.until_expired(1));
    it.worker->view.rows.put(2, 1, 1h);
    it.worker->view.rows.put(3, 1, 5ms); // sooner than what it waits for
    CHECK(it.until_expired(2));
    for (std::uint32_t i = 10; i != 90; ++i)
        it.worker->view.rows.put(i, 1, 1ms);
    CHECK(it.until_expired(82));
    CHECK(it.worker->view.rows.size() == 1);
}

TEST_CASE("a worker sleeps until a row is over, and without such rows for good", "[worker][sweep]")
{
    worker_and_listener it;
    sweep_loop sweeps{it.loop, it.worker->who};
    CHECK(it.loop.run_for(50ms) == 0);
    it.loop.restart();
    it.worker->view.rows.put(1, 1, 1h);
    it.worker->view.rows.put(2, 1);
    CHECK(it.loop.run_for(50ms) == 0);
}

TEST_CASE("what another worker wrote and did not live to sweep is swept after the bell",
          "[worker][sweep]")
{
    worker_and_listener it;
    sweep_loop sweeps{it.loop, it.worker->who};
    {
        auto const other = it.where.join(2);
        other->view.rows.put(7, 1, 1ms);
    }
    it.where.memory.reap_block(2, it.where.bells);
    sweeps.look(); // the bell
    CHECK(it.until_expired(1));
}

} // namespace sweep_loop_test
