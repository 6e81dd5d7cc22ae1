// What a master and its workers say to each other, over a worker's whole life.
#include "plain_cluster.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/udp.hpp>
#include <covey/protocol/messenger.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace talk_test {

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

TEST_CASE("what was said before a stop arrives before it, up to a mebibyte",
          "[master][talk][cluster]")
{
    plain_cluster it{plain_options(1)};
    std::vector<std::size_t> echoed;
    it.master->on(event_kind::message, [&](event const& what) {
        echoed.push_back(what.said->body.as<std::string>().value_or("").size());
    });
    std::optional<bool> planned;
    it.master->on(event_kind::exit, [&](event const& what) {
        if (what.worker.id() == 1)
            planned = what.worker.exited_after_disconnect();
    });
    REQUIRE(it.until_ready());
    auto worker = it.master->workers().front();
    std::vector<std::size_t> said;
    for (std::size_t bytes = 9'900; bytes < 10'000; ++bytes) { // 995,000 bytes
        REQUIRE(worker.send(std::string(bytes, 'x')) <= send_status::queued);
        said.push_back(bytes);
    }
    worker.stop(1h);
    REQUIRE(it.until([&] { return planned.has_value(); }));
    CHECK(*planned);
    CHECK(echoed == said); // each came back, in order, and then the worker left
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

TEST_CASE("a UDP socket that two workers are sent gives each datagram to one of them",
          "[master][talk][cluster]")
{
    using net::ip::udp;
    plain_cluster it{plain_options(2)};
    std::map<std::string, int> heard;
    it.master->on(event_kind::message, [&](event const& what) {
        ++heard[what.said->body.as<std::string>().value_or("?")];
    });
    REQUIRE(it.until_ready());
    udp::socket shared{it.loop, udp::endpoint{net::ip::address_v4::loopback(), 0}};
    it.master->broadcast("yours", {keep_open(shared)});

    udp::socket client{it.loop, udp::v4()};
    constexpr std::size_t count = 200;
    for (std::size_t i = 0; i < count; ++i)
        client.send_to(net::buffer(std::to_string(i)), shared.local_endpoint());
    REQUIRE(it.until([&] { return heard.size() == count; }));
    CHECK(std::all_of(heard.begin(), heard.end(), [](auto const& one) { return one.second == 1; }));
    for (auto const seat : {0U, 1U}) { // each of them reads: the other is stopped
        ::kill(it.pid(1 - seat), SIGSTOP);
        client.send_to(net::buffer("to " + std::to_string(seat)), shared.local_endpoint());
        CHECK(it.until([&] { return heard["to " + std::to_string(seat)] == 1; }));
        ::kill(it.pid(1 - seat), SIGCONT);
    }
}

} // namespace talk_test
