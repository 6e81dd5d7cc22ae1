// Groups of routes, what is done before and after their handlers, and handlers called without a
// socket.
#include <covey/worker/http/call.hpp>
#include <covey/worker/http/failure.hpp>
#include <covey/worker/http/route_group.hpp>

#include "support/catch.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace routes_test {

namespace http = covey::http;
namespace net = boost::asio;
using namespace std::chrono_literals;

namespace {

http::request asked(std::string method, std::string target, std::string body = "")
{
    http::request made;
    made.method_name = std::move(method);
    made.target_text = std::move(target);
    made.body_text = std::move(body);
    return made;
}

std::string answer(http::router const& routes, std::string method, std::string target)
{
    auto const made = http::call(routes, asked(std::move(method), std::move(target)));
    return std::to_string(made.status) + " " + made.body;
}

http::handler saying(std::string const& word)
{
    return
        [word](http::request const& in) { return http::text(word + std::string{in.path("id")}); };
}

} // namespace

TEST_CASE("a group's routes are under its prefix, groups in groups too", "[worker][routes]")
{
    http::router routes;
    http::route_group const all{routes};
    auto api = all.group("/api");
    api.get("", saying("index"));
    api.get("/", saying("slash"));
    api.get("/scores/{id}", saying("score "));
    auto teams = api.group("/teams/{id}");
    teams.put("/name", saying("name of "));
    CHECK(answer(routes, "GET", "/api") == "200 index");
    CHECK(answer(routes, "GET", "/api/") == "200 slash");
    CHECK(answer(routes, "GET", "/api/scores/1") == "200 score 1");
    CHECK(answer(routes, "PUT", "/api/teams/7/name") == "200 name of 7");
    CHECK(answer(routes, "GET", "/scores/1") == "404 Not Found\n");
    CHECK(http::call(routes, asked("GET", "/api/teams/7/name")).header("allow") == "PUT");
    for (auto const* wrong : {"", "api", "/", "/api/"})
        CHECK_THROWS_AS(all.group(wrong), std::invalid_argument);
    CHECK_THROWS_AS(api.get("/scores/{id}", saying("twice")), std::invalid_argument);
}

TEST_CASE("what is done before and after a handler is done in order, around it", "[worker][routes]")
{
    std::string log;
    auto const before = [&](std::string name) {
        return [&log, name](http::request& in) -> std::optional<http::response> {
            log += name + " ";
            if (in.header("stop") == name)
                return http::text("stopped by " + name, 403);
            in.note("by", std::string{in.note("by")} + name);
            return std::nullopt;
        };
    };
    auto const after = [&](std::string name) {
        return [&log, name](http::request const&, http::response& made) {
            log += name + " ";
            made.set("X-" + name, std::to_string(made.status));
        };
    };
    http::router routes;
    http::route_group all{routes};
    all.before(before("a"));
    all.after(after("z"));
    all.get("/plain", [&](http::request const& in) {
        log += "handler ";
        return http::text(std::string{in.note("by")});
    });
    auto inner = all.group("/inner");
    inner.before(before("b"));
    inner.after(after("y"));
    inner.get("/plain", [&](http::request const& in) {
        log += "handler ";
        return http::text(std::string{in.note("by")});
    });
    inner.get("/waits", [&](http::request const& in) -> net::awaitable<http::response> {
        net::steady_timer timer{co_await net::this_coro::executor, 1ms};
        co_await timer.async_wait(net::use_awaitable);
        log += "handler ";
        co_return http::text(std::string{in.note("by")});
    });
    inner.put(
        "/reads",
        [&](http::request const& in, http::request_body& body) -> net::awaitable<http::response> {
            std::string all_of_it{in.note("by")};
            for (auto more = co_await body.read(); !more.empty(); more = co_await body.read())
                all_of_it += more;
            log += "handler ";
            co_return http::text(all_of_it);
        });
    inner.get("/fails", [](http::request const&) -> http::response {
        throw http::failure{404, "nothing here"};
    });
    inner.get("/fails-later", [](http::request const&) -> net::awaitable<http::response> {
        throw std::runtime_error{"on purpose"};
        co_return http::status(200);
    });
    all.group("/late").get("", saying("late"));

    auto const call = [&](std::string method, std::string target, std::string stop = "") {
        log.clear();
        auto in = asked(std::move(method), std::move(target), "body");
        in.fields.emplace_back("Stop", std::move(stop));
        return http::call(routes, in);
    };
    SECTION("around every kind of handler")
    {
        for (auto const* target : {"/inner/plain", "/inner/waits"}) {
            CHECK(call("GET", target).body == "ab");
            CHECK(log == "a b handler y z ");
        }
        CHECK(call("PUT", "/inner/reads").body == "abbody");
        CHECK(log == "a b handler y z ");
        CHECK(call("GET", "/plain").body == "a"); // none of the group's
        CHECK(log == "a handler z ");
    }
    SECTION("an early answer is the answer, and what is done after is done")
    {
        auto const made = call("GET", "/inner/waits", "a");
        CHECK(made.status == 403);
        CHECK(made.body == "stopped by a");
        CHECK(made.header("x-z") == "403");
        CHECK(log == "a y z ");
        CHECK(call("GET", "/inner/plain", "b").body == "stopped by b");
        CHECK(log == "a b y z ");
    }
    SECTION("what a handler throws is an answer before it comes to them")
    {
        auto made = call("GET", "/inner/fails");
        CHECK(made.status == 404);
        CHECK(made.body == "nothing here\n");
        CHECK(made.header("x-y") == "404");
        made = call("GET", "/inner/fails-later");
        CHECK(made.status == 500);
        CHECK(made.header("x-z") == "500");
    }
    SECTION("one that throws is a 500")
    {
        all.before([](http::request&) -> std::optional<http::response> {
            throw std::runtime_error{"on purpose"};
        });
        all.get("/broken", saying("never"));
        CHECK(call("GET", "/broken").status == 500);
        CHECK(call("GET", "/plain").status == 200); // it was added before
    }
}

TEST_CASE("a handler with nothing around it is the handler itself", "[worker][routes]")
{
    http::router routes;
    http::route_group{routes}.get("/", saying("x"));
    http::middleware const none;
    auto const counted = std::make_shared<int>(0);
    auto const same = none.around([counted](http::request const&) { return http::status(204); });
    CHECK(counted.use_count() == 2); // no copy in a shared wrapper
    CHECK(same(http::request{}).status == 204);
}

TEST_CASE("handlers of every kind are called in a test as a server would", "[worker][routes]")
{
    CHECK(http::call([](http::request const& in) { return http::text(in.body_text); },
                     asked("PUT", "/", "abc"))
              .body == "abc");
    std::string const large(100'000, 'x');
    http::handler const reads = [](http::request const&,
                                   http::request_body& body) -> net::awaitable<http::response> {
        std::size_t bytes = 0;
        int pieces = 0;
        for (auto more = co_await body.read(); !more.empty(); more = co_await body.read()) {
            bytes += more.size();
            ++pieces;
        }
        co_return http::text(std::to_string(bytes) + (pieces > 1 ? " in pieces" : ""));
    };
    CHECK(http::call(reads, asked("PUT", "/", large)).body == "100000 in pieces");
    CHECK(http::call(reads, asked("PUT", "/")).body == "0");
    http::handler const streams = [](http::request const&) {
        return http::streamed("text/plain", [](http::response_body& out) -> net::awaitable<void> {
            for (int i = 0; i < 3; ++i)
                co_await out.write(std::to_string(i));
        });
    };
    CHECK(http::call(streams, asked("GET", "/")).body == "012");
    CHECK(http::call(http::router{}, asked("BREW", "/")).status == 501);
    CHECK(http::call(http::router{}, asked("OPTIONS", "*")).status == 204);
}

} // namespace routes_test
