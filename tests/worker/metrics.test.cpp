// The metrics page: its form, whose numbers it has, and what it says of workers and of the state.
#include "played_master.hpp"
#include "support/catch.hpp"
#include "support/exposition_reader.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <boost/mp11/algorithm.hpp>
#include <cmath>
#include <covey/protocol/message_name.hpp>
#include <covey/protocol/messages.hpp>
#include <covey/shm/channel_words.hpp>
#include <covey/shm/inspect.hpp>
#include <covey/shm/seat_words.hpp>
#include <covey/shm/transaction.hpp>
#include <covey/worker/http/exposition.hpp>
#include <covey/worker/http/meter.hpp>
#include <covey/worker/http/metrics.hpp>
#include <csignal>
#include <set>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace metrics_test {

using covey::test::board;
using covey::test::exposition_reader;
using covey::test::get;
using covey::test::wait_until;
using labels = exposition_reader::labels;
namespace http = covey::http;
namespace words = covey::http::metric_words;

namespace {

using cluster = covey::test::test_segment<board>;

std::string page_of(covey::segment const& memory)
{
    return http::metrics_page(covey::inspect::over(memory, board{}.described()));
}

// What a worker in this block counts before it is killed.
void count_and_die(cluster const& all, std::uint32_t block, unsigned requests)
{
    auto const child = ::fork();
    if (child == 0) {
        auto const me = all.join(block);
        http::meter counts{covey::shm::statistics_of(me->who)};
        counts.opened(1);
        http::limit_hits hits;
        hits.count_in(&covey::shm::statistics_of(me->who)[words::limits]);
        hits.count(http::limit::head_bytes);
        for (unsigned i = 0; i != requests; ++i) {
            counts.answered("GET", 200);
            counts.took(std::chrono::microseconds{30}, 1);
        }
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
}

} // namespace

TEST_CASE("the text format is held to by who writes it and by who reads it", "[worker][metrics]")
{
    http::exposition page;
    page.family("covey_words_total", "counter", "What was said.");
    page.sample({{"to", "a\"b\\c\nd"}, {"of", "x"}}, std::uint64_t{3});
    page.sample({}, 0.25);
    auto const text = page.take();
    CHECK(text == "# HELP covey_words_total What was said.\n"
                  "# TYPE covey_words_total counter\n"
                  "covey_words_total{to=\"a\\\"b\\\\c\\nd\",of=\"x\"} 3\n"
                  "covey_words_total 0.25\n");
    exposition_reader const read{text};
    CHECK(read.value("covey_words_total", {{"to", "a\"b\\c\nd"}, {"of", "x"}}) == 3);

    std::string const head = "# HELP a_total x\n# TYPE a_total counter\n";
    std::string const bars = "# HELP h x\n# TYPE h histogram\n";
    for (std::string const& wrong :
         {head + "a_total 1", head + "b_total 1\n", head + "a_total x\n", head + "a_total\n",
          head + "a_total 1\na_total 2\n", head + "a_total{} 1\n", head + "a_total{x=\"1} 1\n",
          head + "a_total{x=\"1\",x=\"2\"} 1\n", head + "a_total{1x=\"1\"} 1\n", head + head,
          head + "a_total -1\n", head + "a_total{x=\"\\t\"} 1\n", std::string{"a_total 1\n"},
          std::string{"# TYPE a_total counter\na_total 1\n"}, std::string{"# HELP a_total x\n"},
          bars + "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n",
          bars + "h_bucket{le=\"1\"} 2\nh_count 2\n", bars + "h_bucket{le=\"+Inf\"} 2\n",
          bars + "h_bucket{le=\"+Inf\"} 2\nh_count 3\n"}) {
        CAPTURE(wrong);
        CHECK_THROWS(exposition_reader{wrong});
    }
}

TEST_CASE("every worker's page has the sums of all, the killed ones' included", "[worker][metrics]")
{
    cluster all{3};
    count_and_die(all, 1, 10);
    REQUIRE(all.memory.reap_block(1, all.bells));
    all.memory.open_block(1, {.pid = ::getpid(), .id = 7, .generation = 1});
    count_and_die(all, 1, 5);
    count_and_die(all, 2, 100);
    exposition_reader const page{page_of(all.memory)};
    labels const good{{"method", "GET"}, {"code", "200"}};
    CHECK(page.value("covey_http_requests_total", good) == 115);
    CHECK(page.value("covey_http_request_duration_seconds_count") == 115);
    CHECK(std::abs(page.value("covey_http_request_duration_seconds_sum") - 115 * 30e-6) < 1e-9);
    CHECK(page.value("covey_http_request_duration_seconds_bucket", {{"le", "2.5e-05"}}) == 0);
    CHECK(page.value("covey_http_request_duration_seconds_bucket", {{"le", "5e-05"}}) == 115);
    CHECK(page.value("covey_http_connections_opened_total") == 3);
    CHECK(page.value("covey_limit_hits_total", {{"limit", "head_bytes"}}) == 3);
    CHECK(page.value("covey_limit_hits_total", {{"limit", "event_backlog"}}) == 0);
    auto const elsewhere = all.attach();
    exposition_reader const again{page_of(elsewhere)};
    CHECK(again.value("covey_http_requests_total", good) == 115);
}

TEST_CASE("the page tells of seats, not of processes, however many workers a seat has had",
          "[worker][metrics]")
{
    cluster all{4};
    auto const open = [&](std::uint32_t block, covey::block_owner owner) {
        all.memory.open_block(block, owner);
    };
    open(0, {.pid = ::getpid(), .id = 1, .generation = 1, .seat = 0});
    open(1, {.pid = ::getpid(), .id = 2, .generation = 1, .seat = 1});
    open(2, {.pid = ::getpid(), .id = 3, .generation = 2, .seat = 1}); // follows the other one
    REQUIRE(all.memory.reap_block(3, all.bells));
    auto const masters = covey::shm::statistics_of_master(all.memory);
    covey::shm::count(masters[covey::shm::end_word(1, covey::shm::worker_end::killed)], 4);
    covey::shm::count(masters[covey::shm::end_word(2, covey::shm::worker_end::exited)]);
    auto const one = all.join(0);
    auto const two = all.join(2);
    one->who.set_load({.connections = 5, .in_flight = 2});
    two->who.set_load({.connections = 3, .in_flight = 1});

    exposition_reader const page{page_of(all.memory)};
    CHECK(page.value("covey_worker_up", {{"slot", "0"}}) == 1);
    CHECK(page.value("covey_worker_up", {{"slot", "1"}}) == 1);
    CHECK(page.value("covey_worker_up", {{"slot", "2"}}) == 0);
    CHECK_FALSE(page.has("covey_worker_up", {{"slot", "3"}}));
    CHECK(page.value("covey_worker_restarts_total", {{"slot", "1"}, {"reason", "signal"}}) == 4);
    CHECK(page.value("covey_worker_restarts_total", {{"slot", "2"}, {"reason", "exit"}}) == 1);
    CHECK(page.value("covey_worker_generation") == 2);
    CHECK(page.value("covey_http_connections", {{"state", "active"}}) == 3);
    CHECK(page.value("covey_http_connections", {{"state", "idle"}}) == 5);
    CHECK(page.value("process_resident_memory_bytes", {{"slot", "0"}}) > 0);
    CHECK(page.value("process_start_time_seconds", {{"slot", "0"}}) > 1.5e9);
    CHECK(page.value("process_threads", {{"slot", "0"}}) >= 1);
    CHECK(page.value("process_open_fds", {{"slot", "0"}}) >= 3);
}

TEST_CASE("the page tells how the state is: its version, its rows, its bytes, its repairs",
          "[worker][metrics]")
{
    cluster all{2};
    auto const one = all.join(0);
    for (auto const* name : {"a", "b", "c"})
        one->view.scores.put(name, 1);
    exposition_reader const page{page_of(all.memory)};
    CHECK(page.value("covey_state_version") == static_cast<double>(all.memory.revision()));
    CHECK(page.value("covey_state_rows", {{"field", "scores"}}) == 3);
    CHECK(page.value("covey_state_rows_max", {{"field", "scores"}}) == 64);
    CHECK(page.sum("covey_state_bytes") == static_cast<double>(all.memory.bytes()));
    CHECK(page.sum("covey_state_recoveries_total") == 0);
    CHECK(page.sum("covey_build_info") == 1);

    // One that dies with a lock: whoever comes next repairs, and that is counted.
    auto const child = ::fork();
    if (child == 0) {
        auto const two = all.join(1);
        two->view.scores.update("a", [](auto const& now) {
            ::kill(::getpid(), SIGKILL);
            return now;
        });
        ::_exit(0);
    }
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    one->view.scores.put("a", 2);
    exposition_reader const after{page_of(all.memory)};
    CHECK(after.sum("covey_state_recoveries_total") == 1);
    CHECK(after.value("covey_state_recoveries_total", {{"kind", "unlocked"}}) == 1);
}

TEST_CASE("a writer that waits for another one is counted by its field", "[worker][metrics]")
{
    cluster all{2};
    auto const one = all.join(0);
    auto const two = all.join(1);
    auto const conflicts = [&] {
        exposition_reader const page{page_of(all.memory)};
        CHECK(page.value("covey_state_conflicts_total", {{"field", "scores"}}) ==
              page.sum("covey_state_conflicts_total"));
        return page.sum("covey_state_conflicts_total");
    };
    one->view.scores.put("a", 1);
    two->view.scores.put("a", 2);
    CHECK(conflicts() == 0);
    std::thread other;
    one->view.scores.update("a", [&](auto const& now) {
        if (!other.joinable())
            other = std::thread{[&] { two->view.scores.put("a", 3); }};
        CHECK(wait_until([&] { return conflicts() == 1; }));
        return now;
    });
    other.join();
    CHECK(one->view.scores.get("a") == 3);

    // And a transaction that begins anew, for what it has read is so no more.
    int runs = 0;
    auto const done = transact(one->view, [&](covey::transaction& tx) {
        auto const now = tx.get(one->view.scores, "a");
        if (++runs < 4)
            two->view.scores.put("a", 10 * runs);
        tx.put(one->view.scores, "a", now.value_or(0) + 1);
    });
    CHECK(done.committed());
    CHECK(one->view.scores.get("a") == 31);
    CHECK(conflicts() == 4);
}

TEST_CASE("every message between master and worker has a name and a word of its own",
          "[worker][metrics]")
{
    using covey::shm::frame_way;
    std::set<std::size_t> places;
    std::set<std::string> names;
    auto const look = [&](frame_way way) {
        return [&places, &names, way]<class Message>(Message const&) {
            auto const name = covey::protocol::message_name(Message::type);
            CHECK_FALSE(name.empty());
            names.emplace(name);
            CHECK(places.insert(covey::shm::frame_word(way, Message::type)).second);
        };
    };
    using covey::protocol::from_master;
    using covey::protocol::from_worker;
    boost::mp11::mp_for_each<from_master>(look(frame_way::to_worker));
    boost::mp11::mp_for_each<from_worker>(look(frame_way::from_worker));
    auto const both = std::variant_size_v<from_master> + std::variant_size_v<from_worker>;
    CHECK(places.size() == both);
    CHECK(names.size() == both - 2); // change and talk go both ways
    CHECK(covey::protocol::message_name(0).empty());

    cluster all{1};
    for (auto const place : places)
        covey::shm::count(covey::shm::statistics_of_master(all.memory)[place], 2);
    exposition_reader const page{page_of(all.memory)};
    CHECK(page.sum("covey_ipc_frames_total") == static_cast<double>(2 * both));
    CHECK(page.value("covey_ipc_frames_total", {{"dir", "from_worker"}, {"type", "talk"}}) == 2);
    CHECK(page.value("covey_ipc_frames_total", {{"dir", "to_worker"}, {"type", "welcome"}}) == 2);
    CHECK(page.sum("covey_ipc_bad_frames_total") == 0);
    CHECK(page.sum("covey_fd_handoffs_total") == 0);
    CHECK(page.sum("covey_state_conflicts_total") == 0);
    CHECK(page.sum("covey_state_recoveries_total") == 0);
}

TEST_CASE("a worker answers with the page where its program has mounted it", "[worker][metrics]")
{
    covey::test::played_master<> master{[](covey::runtime& ready, board& state) {
        covey::test::set_up(ready, state);
        ready.route("GET", "/metrics", [&ready](http::request const&) {
            return http::metrics_response(ready.metrics_text());
        });
    }};
    master.start();
    auto client = master.pass(1);
    for (int i = 0; i != 3; ++i) {
        client.send(get("/visit"));
        CHECK(client.read().status == 200);
    }
    client.send(get("/metrics"));
    auto const in = client.read();
    CHECK(in.status == 200);
    CHECK(in.header("content-type") == "text/plain; version=0.0.4; charset=utf-8");
    exposition_reader const page{in.body};
    CHECK(page.value("covey_http_requests_total", {{"method", "GET"}, {"code", "200"}}) == 3);
    CHECK(page.value("covey_http_request_duration_seconds_count") == 3);
    CHECK(page.value("covey_http_connections", {{"state", "active"}}) == 1);
    CHECK(page.value("covey_worker_up", {{"slot", "0"}}) == 1);
    for (auto const& name : page.families())
        CHECK((name.starts_with("covey_") || name.starts_with("process_")));
    // From outside the worker, the same.
    CHECK(exposition_reader{page_of(master.memory())}.value(
              "covey_http_requests_total", {{"method", "GET"}, {"code", "200"}}) == 4);
}

} // namespace metrics_test
