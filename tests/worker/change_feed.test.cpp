// Changes as asynchronous operations, over a loop of one's own.
#include "support/catch.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <covey/shm/map.hpp>
#include <covey/worker/change_feed.hpp>
#include <covey/worker/change_loop.hpp>
#include <memory>
#include <optional>
#include <vector>

namespace change_feed_test {

using namespace covey;
using namespace std::chrono_literals;

namespace {

struct board : state
{
    covey::map<std::uint32_t, std::int64_t> rows{*this, "rows", capacity{100}};
};

struct reader_with_loop
{
    using feed = change_feed<covey::map<std::uint32_t, std::int64_t>>;

    test::test_segment<board> where{2};
    std::unique_ptr<test::member<board>> writer = where.join(0);
    std::unique_ptr<test::member<board>> reader = where.join(1);
    net::io_context loop{1};
    subscription changes{reader->who};
    change_loop runs{loop, changes, 0us};
    std::optional<feed> rows{std::in_place, loop.get_executor(), changes, reader->view.rows,
                             decltype(board::rows)::watching{.deliver = delivery::every}};

    template <class Until>
    bool run_until(Until until)
    {
        auto const deadline = std::chrono::steady_clock::now() + 30s;
        while (!until() && std::chrono::steady_clock::now() < deadline)
            loop.run_one_for(10ms);
        return until();
    }
};

} // namespace

TEST_CASE("a coroutine awaits one change after the other", "[worker][feed]")
{
    reader_with_loop it;
    std::vector<std::int64_t> told;
    net::co_spawn(
        it.loop,
        [&]() -> net::awaitable<void> {
            for (int i = 0; i != 5; ++i)
                told.push_back(*(co_await it.rows->async_next(net::use_awaitable)).after);
        },
        net::detached);
    it.loop.poll();
    for (int i = 0; i != 3; ++i)
        it.writer->view.rows.put(1, i);
    CHECK(it.run_until([&] { return told.size() == 3; }));
    for (int i = 3; i != 5; ++i)
        it.writer->view.rows.put(1, i);
    CHECK(it.run_until([&] { return told.size() == 5; }));
    CHECK(told == std::vector<std::int64_t>{0, 1, 2, 3, 4});
}

TEST_CASE("a wait for a change can be cancelled, and loses none", "[worker][feed]")
{
    reader_with_loop it;
    net::cancellation_signal stop;
    std::optional<boost::system::error_code> ended;
    std::vector<std::int64_t> told;
    auto const note = [&](boost::system::error_code failed, auto const& one) {
        ended = failed;
        if (!failed)
            told.push_back(*one.after);
    };
    it.rows->async_next(net::bind_cancellation_slot(stop.slot(), note));
    it.loop.poll();
    stop.emit(net::cancellation_type::total);
    CHECK(it.run_until([&] { return ended.has_value(); }));
    CHECK(ended == net::error::operation_aborted);
    it.writer->view.rows.put(1, 7);
    it.rows->async_next(note);
    CHECK(it.run_until([&] { return !told.empty(); }));
    CHECK(told == std::vector<std::int64_t>{7});
}

TEST_CASE("one wait at a time, and the feed's end fails the one that waits", "[worker][feed]")
{
    reader_with_loop it;
    std::vector<boost::system::error_code> ends;
    auto const note = [&](boost::system::error_code failed, auto const&) {
        ends.push_back(failed);
    };
    it.rows->async_next(note);
    it.rows->async_next(note);
    CHECK(it.run_until([&] { return ends.size() == 1; }));
    CHECK(ends[0] == net::error::already_started);
    it.rows.reset();
    CHECK(it.run_until([&] { return ends.size() == 2; }));
    CHECK(ends[1] == net::error::operation_aborted);
}

} // namespace change_feed_test
