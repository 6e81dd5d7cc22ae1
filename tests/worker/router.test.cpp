#include <covey/worker/http/router.hpp>

#include "support/catch.hpp"

#include <stdexcept>
#include <string>

namespace router_test {

namespace http = covey::http;

namespace {

http::handler answering(std::string body)
{
    return [body](http::request const&) { return http::text(body); };
}

// What is found, as "body name=value ...", or the status and Allow.
std::string found(http::router const& routes, std::string_view method, std::string_view path)
{
    auto const match = routes.find(method, path);
    if (!match.chosen)
        return std::to_string(match.status) + (match.allow.empty() ? "" : " " + match.allow);
    auto line = (*match.chosen)(http::request{}).body;
    for (auto const& [name, value] : match.parameters)
        line += " " + name + "=" + value;
    return line;
}

http::router scores()
{
    http::router routes;
    routes.add("GET", "/", answering("home"));
    routes.add("GET", "/scores", answering("all"));
    routes.add("GET", "/scores/{player}", answering("one"));
    routes.add("PUT", "/scores/{player}", answering("put"));
    routes.add("GET", "/scores/top", answering("top"));
    routes.add("GET", "/scores/{player}/history/{page}", answering("page"));
    routes.add("GET", "/files/{rest...}", answering("file"));
    routes.add("*", "/any", answering("any"));
    return routes;
}

} // namespace

TEST_CASE("a path finds the pattern that fits it best", "[worker][router]")
{
    auto const routes = scores();
    CHECK(found(routes, "GET", "/") == "home");
    CHECK(found(routes, "GET", "/scores") == "all");
    CHECK(found(routes, "GET", "/scores/ann") == "one player=ann");
    CHECK(found(routes, "PUT", "/scores/ann") == "put player=ann");
    CHECK(found(routes, "GET", "/scores/ann/history/2") == "page player=ann page=2");

    SECTION("a literal segment wins over a parameter")
    {
        CHECK(found(routes, "GET", "/scores/top") == "top");
        CHECK(found(routes, "GET", "/scores/top/history/1") == "page player=top page=1");
        CHECK(found(routes, "PUT", "/scores/top") == "put player=top");
    }
    SECTION("a parameter takes one segment that is not empty")
    {
        CHECK(found(routes, "GET", "/scores/") == "404");
        CHECK(found(routes, "GET", "/scores/a/b") == "404");
    }
    SECTION("a rest parameter takes all that is left, even nothing")
    {
        CHECK(found(routes, "GET", "/files/a/b.txt") == "file rest=a/b.txt");
        CHECK(found(routes, "GET", "/files/") == "file rest=");
        CHECK(found(routes, "GET", "/files") == "404");
    }
}

TEST_CASE("a route of any method and any path answers everything", "[worker][router]")
{
    http::router routes;
    routes.add("*", "/{rest...}", answering("echo"));
    CHECK(found(routes, "GET", "/") == "echo rest=");
    CHECK(found(routes, "DELETE", "/a/b%20c/") == "echo rest=a/b c/");
    CHECK(found(routes, "BREW", "/pot") == "echo rest=pot");
}

TEST_CASE("parameters are percent-decoded after the path is split", "[worker][router]")
{
    auto const routes = scores();
    CHECK(found(routes, "GET", "/scores/a%2Fb") == "one player=a/b");
    CHECK(found(routes, "GET", "/scores/%C3%A9+1") == "one player=\xC3\xA9+1");
    CHECK(found(routes, "GET", "/sc%6Fres") == "all");
    CHECK(found(routes, "GET", "/scores/%zz") == "400");
    CHECK(found(routes, "GET", "/scores/%4") == "400");
    CHECK(found(routes, "GET", "/files/a/%") == "400");
}

TEST_CASE("a method that is not there is 405 with what is", "[worker][router]")
{
    auto const routes = scores();
    CHECK(found(routes, "DELETE", "/scores/ann") == "405 GET, HEAD, PUT");
    CHECK(found(routes, "PUT", "/scores/top") == "put player=top");
    CHECK(found(routes, "POST", "/scores/top") == "405 GET, HEAD, PUT");
    CHECK(found(routes, "HEAD", "/scores/ann") == "one player=ann");
    CHECK(found(routes, "PURGE", "/any") == "any");
    CHECK(found(routes, "GET", "/nowhere") == "404");
    CHECK(found(routes, "OPTIONS", "*") == "404");
}

TEST_CASE("a pattern that is none is refused when it is added", "[worker][router]")
{
    http::router routes;
    routes.add("GET", "/a/{b}", answering(""));
    for (auto const* pattern : {"", "a", "/a/{b}", "/a/{c}", "/{}", "/{a b}", "/{rest...}/more",
                                "/x{y}", "/x?y", "/x#y", "/{...}"})
        CHECK_THROWS_AS(routes.add("GET", pattern, answering("")), std::invalid_argument);
    CHECK_NOTHROW(routes.add("PUT", "/a/{c}", answering("")));
}

} // namespace router_test
