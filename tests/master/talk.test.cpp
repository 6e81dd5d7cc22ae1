// What a master and its workers say to each other, over a worker's whole life.
#include "plain_cluster.hpp"
#include "support/catch.hpp"

#include <boost/asio/co_spawn.hpp>
#include <covey/protocol/messenger.hpp>
#include <map>
#include <memory>

using namespace covey;
using namespace covey::test;
using namespace std::chrono_literals;

namespace {

// What workers have said, by id.
struct echoes
{
    explicit echoes(plain_cluster& of)
    {
        of.master->on(event_kind::message, [this](event const& what) {
            heard[what.worker.id()].push_back(what.said->body.as<int>().value_or(-1));
        });
    }
    std::map<std::uint64_t, std::vector<int>> heard;
};

} // namespace

TEST_CASE("what is said before a worker is online arrives after it, in order",
          "[master][talk][cluster]")
{
    plain_cluster it{plain_options(1)};
    echoes told{it};
    std::size_t before_online = 1;
    it.master->on(event_kind::online, [&](event const& what) {
        if (what.worker.id() == 2)
            before_online = told.heard[2].size();
    });
    auto early = it.master->fork(); // not even forked
    for (int i = 0; i < 100; ++i)
        CHECK(early.send(i) == send_status::queued);
    REQUIRE(it.until_ready());
    REQUIRE(it.until([&] { return told.heard[early.id()].size() == 100; }));
    for (int i = 0; i < 100; ++i)
        CHECK(told.heard[early.id()][static_cast<std::size_t>(i)] == i);
    CHECK(before_online == 0);
}

TEST_CASE("a disconnect lets everything that was said arrive first", "[master][talk][cluster]")
{
    plain_cluster it{plain_options(1)};
    echoes told{it};
    bool ended = false;
    it.master->on(event_kind::close,
                  [&](event const& what) { ended = ended || what.worker.id() == 1; });
    REQUIRE(it.until_ready());
    auto worker = it.master->workers().front();
    for (int i = 0; i < 300; ++i)
        CHECK(worker.send(datum::array{i, std::string(1000, 'x')}) <= send_status::queued);
    worker.disconnect();
    CHECK(worker.send("too late") == send_status::closed);
    CHECK_FALSE(worker.is_connected());
    REQUIRE(it.until([&] { return ended; }));
    CHECK(worker.exited_after_disconnect());
    CHECK(it.until([&] { return it.worker(0).state == worker_state::ready; }));
}

TEST_CASE("a drain event tells that a worker takes messages again", "[master][talk][cluster]")
{
    plain_cluster it{plain_options(1)};
    bool drained = false;
    it.master->on(event_kind::drain, [&](event const& what) { drained = !what.worker.is_empty(); });
    REQUIRE(it.until_ready());
    auto worker = it.master->workers().front();
    while (worker.send(std::string(10'000, 'x')) <= send_status::queued) {
    }
    REQUIRE(it.until([&] { return drained; }));
    CHECK(worker.send(1) <= send_status::queued);
}

TEST_CASE("a request is answered, and one that waits fails when the worker goes",
          "[master][talk][cluster]")
{
    plain_cluster it{plain_options(1)};
    REQUIRE(it.until_ready());
    auto worker = it.master->workers().front();
    int answer = 0;
    worker.async_request(7, 10s, [&](boost::system::error_code failed, message said) {
        CHECK_FALSE(failed);
        answer = said.body.as<int>().value_or(-1);
    });
    REQUIRE(it.until([&] { return answer != 0; }));
    CHECK(answer == 7);

    ::kill(it.pid(0), SIGSTOP);
    int failures = 0;
    boost::system::error_code late;
    worker.async_request(8, 10ms,
                         [&](boost::system::error_code failed, message const&) { late = failed; });
    REQUIRE(it.until([&] { return static_cast<bool>(late); }));
    CHECK(late == boost::asio::error::timed_out);
    for (int i = 0; i < 10; ++i)
        worker.async_request(i, 1h, [&](boost::system::error_code failed, message const&) {
            failures += failed ? 1 : 0;
        });
    worker.kill(SIGKILL);
    CHECK(it.until([&] { return failures == 10; }));
}

TEST_CASE("a broadcast reaches every worker", "[master][talk][cluster]")
{
    plain_cluster it{plain_options(3)};
    echoes told{it};
    REQUIRE(it.until_ready());
    it.master->broadcast(5);
    REQUIRE(it.until([&] { return told.heard.size() == 3; }));
    for (auto const& [id, said] : told.heard)
        CHECK(said == std::vector<int>{5});
}
