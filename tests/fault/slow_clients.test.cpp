// Clients that take their time, or take nothing: they cost what they are allowed to cost, are told
// to go, and nobody else notices.
#include "support/campaign.hpp"
#include "support/http_server.hpp"
#include "support/usage.hpp"

#include <algorithm>
#include <chrono>
#include <covey/protocol/log.hpp>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace slow_clients_test {

using namespace covey;
using covey::test::campaign;
using covey::test::http_client;
using covey::test::http_server;
using covey::test::times;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

void routes(http::router& to, boost::asio::io_context&)
{
    to.add("GET", "/", [](http::request const&) { return http::text("served"); });
    to.add("GET", "/big",
           [](http::request const&) { return http::text(std::string(4 << 20, 'x')); });
    to.add("POST", "/", [](http::request const& asked) {
        return http::text(std::to_string(asked.body_text.size()));
    });
}

std::string const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

// One request of somebody who is in no one's way.
std::chrono::microseconds served(http_client& client, campaign& run)
{
    auto const begun = std::chrono::steady_clock::now();
    client.send(get);
    run.expect(client.read().body == "served", "a healthy client is served");
    run.count("healthy requests");
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                                 begun);
}

std::size_t p99(std::vector<std::chrono::microseconds> of)
{
    std::sort(of.begin(), of.end());
    return static_cast<std::size_t>(of.at(of.size() * 99 / 100).count());
}

} // namespace

TEST_CASE("slow heads, slow bodies and slow readers are sent away, others served", "[fault]")
{
    campaign run{"slow clients"};
    {
        auto const each = times(60, 1'000);
        http::limits bounds;
        bounds.tick = 20ms;
        bounds.head_timeout = bounds.body_timeout = times(500ms, 10'000ms);
        bounds.write_timeout = times(500ms, 10'000ms);
        bounds.linger_timeout = 100ms;
        http_server server{routes, bounds};
        auto healthy = server.connect();
        std::vector<std::chrono::microseconds> alone;
        std::vector<std::chrono::microseconds> beside;
        for (int i = 0; i < 200; ++i)
            alone.push_back(served(healthy, run));

        std::vector<http_client> slow;
        for (int i = 0; i < each; ++i) {
            slow.push_back(server.connect());
            slow.back().send("GET / HTTP/1.1\r\nX: ");
            slow.push_back(server.connect());
            slow.back().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
            slow.push_back(server.connect());
            slow.back().send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        // A byte now and then of the first two thirds, as slowhttptest sends them: by the clock,
        // for as fast as this machine can they would not be slow.
        auto next = std::chrono::steady_clock::now();
        bool const gone = wait_until(
            [&] {
                auto const now = std::chrono::steady_clock::now();
                bool const due = now >= next;
                if (due)
                    next = now + 20ms;
                for (std::size_t i = 0; due && i < slow.size(); i += 3) {
                    slow[i].send("x");
                    slow[i + 1].send("y");
                }
                beside.push_back(served(healthy, run));
                return server.connections() == 1;
            },
            120s);
        run.expect(gone, "slow clients are sent away");
        auto const hits = [&](http::limit which) {
            return static_cast<std::size_t>(server.hits(which));
        };
        run.count("slow heads", hits(http::limit::head_time));
        run.count("slow bodies", hits(http::limit::body_rate) + hits(http::limit::body_time));
        run.count("slow readers", hits(http::limit::write_time));
        for (auto const* kind : {"slow heads", "slow bodies", "slow readers"})
            run.expect(run.counted(kind) == static_cast<std::size_t>(each), "each for what it did");
        run.count("us p99 of a healthy request alone", p99(alone));
        run.count("us p99 beside them", p99(beside));
    }
    run.expect_descriptors_back();
}

TEST_CASE("who pipelines and does not read is answered as far as its buffer goes", "[fault]")
{
    campaign run{"pipelining without reading"};
    for (int round = 0; round < times(1, 100); ++round) {
        constexpr std::size_t requests = 10'000;
        http_server server{[](http::router& to, boost::asio::io_context&) {
            to.add("GET", "/",
                   [](http::request const&) { return http::text(std::string(1'000, 'x')); });
        }};
        auto client = server.connect_tcp();
        std::string many;
        for (std::size_t i = 0; i < requests; ++i)
            many += get;
        std::thread sender{[&] { client.send(many + "garbage\r\n\r\n"); }};
        // 1 MiB of answers, and what the sockets hold; then it reads nothing more.
        run.expect(wait_until([&] { return server.hits(http::limit::unsent_bytes) > 0; }),
                   "reading stops");
        auto const answered = static_cast<std::size_t>(server.load().requests);
        run.expect(answered < requests, "before all is answered");
        run.count("answered ahead", answered);
        for (std::size_t i = 0; i < requests; ++i)
            run.expect(client.read().body.size() == 1'000, "each is answered in its turn");
        run.expect(client.read().status == 400, "and what came behind them refused");
        sender.join();
        run.count("requests", requests);
    }
    run.expect_descriptors_back();
}

TEST_CASE("an idle connection costs a few kilobytes", "[fault]")
{
    campaign run{"idle connections"};
    {
        rlimit all{};
        ::getrlimit(RLIMIT_NOFILE, &all);
        all.rlim_cur = all.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &all); // the long form has both ends of thousands
        http_server server{routes};
        auto const count = static_cast<std::size_t>(times(300, 4'000));
        std::vector<http_client> idle;
        idle.reserve(count);
        auto const connect = [&] {
            auto client = server.connect();
            client.send(
                "GET / HTTP/1.1\r\nHost: example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux)\r\n"
                "Accept: text/html,application/xhtml+xml\r\nAccept-Language: en\r\n\r\n");
            run.expect(client.read().body == "served", "it is served first");
            idle.push_back(std::move(client));
        };
        for (std::size_t i = 0; i < count / 5; ++i)
            connect(); // what the allocator keeps for later is there by then
        auto const before = test::private_memory(::getpid());
        for (std::size_t i = 0; i < count; ++i)
            connect();
        auto const more = test::private_memory(::getpid()) - before;
        run.count("connections", idle.size());
        run.count("bytes each, both ends", more / count);
#ifndef __SANITIZE_ADDRESS__
        run.expect(more / count <= 32 << 10, "an idle connection is small");
#endif
        http_client& any = idle[idle.size() / 2];
        any.send(get);
        run.expect(any.read().body == "served", "and served again");
    }
    run.expect_descriptors_back();
}

} // namespace slow_clients_test
