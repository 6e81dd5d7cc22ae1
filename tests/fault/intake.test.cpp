// What is handed to a worker in place of a connection is closed, and the worker serves on.
#include "fault/strangers.hpp"
#include "support/campaign.hpp"
#include "support/http_client.hpp"
#include "support/wait_until.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <covey/protocol/log.hpp>
#include <covey/worker/http/router.hpp>
#include <covey/worker/http/server.hpp>
#include <covey/worker/intake.hpp>
#include <string>

namespace intake_test {

using namespace covey;
using covey::test::campaign;
using covey::test::http_client;
using covey::test::run_until;
using covey::test::times;

TEST_CASE("a worker closes what is no connection and serves on", "[fault]")
{
    campaign run{"strangers at the intake"};
    {
        log::configure("", log::level::error, log::format::text); // each of them is warned of
        net::io_context loop{1};
        http::router routes;
        routes.add("GET", "/", [](http::request const&) { return http::text("served"); });
        http::server server{loop, routes};
        intake arrivals{loop, server};
        auto [theirs, client] = http_client::tcp_pair();
        REQUIRE(arrivals.take(std::move(theirs)));
        auto const base = test::descriptor_count();
        auto const is_served = [&, &client = client] {
            client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
            auto const answered = server.load().requests + 1;
            return run_until(loop, [&] { return server.load().requests == answered; }) &&
                   client.read().body == "served";
        };

        for (int round = 0; round < times(5, 5'000); ++round)
            for (auto const& each : test::strangers) {
                auto passed = each.make();
                REQUIRE(passed.is_open());
                arrivals.take(std::move(passed));
                bool const closed = run_until(
                    loop, [&] { return server.load().connections == 1; }, std::chrono::seconds{5});
                REQUIRE(run.expect(closed && test::descriptor_count() == base,
                                   std::string{each.what} + " is closed"));
                run.count("strangers");
                if (round % 5 == 0)
                    run.expect(is_served(), "the worker serves on");
            }
        run.count("requests beside them", server.load().requests);
    }
    run.expect_descriptors_back();
}

} // namespace intake_test
