#include <covey/worker/http/cookie.hpp>

#include "support/catch.hpp"

#include <covey/worker/http/stored.hpp>
#include <stdexcept>
#include <string>

namespace cookie_test {

namespace http = covey::http;
using namespace std::chrono_literals;

namespace {

std::string set(http::cookie const& made)
{
    http::response answer;
    http::set_cookie(answer, made);
    return std::string{answer.header("Set-Cookie")};
}

} // namespace

TEST_CASE("a client's cookies are found by name, in any of its fields", "[worker][cookie]")
{
    http::request asked;
    CHECK(asked.cookie("a") == std::nullopt);
    asked.fields = {{"Cookie", "a=1; b=two; a=3;c=\"4\"; empty=; =x; flag;  d = 5 "},
                    {"Cookies", "e=6"},
                    {"cookie", "f=7=8"}};
    CHECK(asked.cookie("a") == "1");
    CHECK(asked.cookie("b") == "two");
    CHECK(asked.cookie("c") == "4");
    CHECK(asked.cookie("d") == "5");
    CHECK(asked.cookie("f") == "7=8");
    CHECK(asked.cookie("empty") == "");
    for (auto const* absent : {"A", "e", "flag", "x", "two"})
        CHECK(asked.cookie(absent) == std::nullopt);
}

TEST_CASE("a cookie is set with the attributes it is given, careful ones else", "[worker][cookie]")
{
    CHECK(set({.name = "a", .value = "b"}) == "a=b; Path=/; SameSite=Lax; HttpOnly; Secure");
    CHECK(set({.name = "a",
               .value = "b",
               .path = "/x",
               .domain = "example.org",
               .lives = 1h,
               .same_site = http::same_site::strict,
               .http_only = false,
               .secure = false}) ==
          "a=b; Path=/x; Domain=example.org; Max-Age=3600; SameSite=Strict");
    CHECK(set({.name = "a", .path = "", .same_site = http::same_site::none}) ==
          "a=; SameSite=None; HttpOnly; Secure");
    http::response answer;
    http::forget_cookie(answer, {.name = "a", .value = "b", .path = "/x"});
    CHECK(answer.header("set-cookie") == "a=; Path=/x; Max-Age=0; SameSite=Lax; HttpOnly; Secure");
}

TEST_CASE("a cookie that no browser would keep is refused", "[worker][cookie]")
{
    for (auto const* value : {"a b", "a;b", "a,b", "\"a\"", "a\\b", "a\nb", "\xC3\xA9", "\x7f"})
        CHECK_THROWS_AS(set({.name = "n", .value = value}), std::invalid_argument);
    for (auto const* name : {"", "a b", "a=b", "a;", "a\r\nSet-Cookie: b"})
        CHECK_THROWS_AS(set({.name = name}), std::invalid_argument);
    CHECK_THROWS_AS(set({.name = "n", .path = "/a;b"}), std::invalid_argument);
    CHECK_THROWS_AS(set({.name = "n", .domain = "a\r\nb"}), std::invalid_argument);
    CHECK_THROWS_AS(set({.name = "n", .same_site = http::same_site::none, .secure = false}),
                    std::invalid_argument);
    CHECK_THROWS_AS(set({.name = "__Secure-n", .secure = false}), std::invalid_argument);
    CHECK_THROWS_AS(set({.name = "__Host-n", .path = "/a"}), std::invalid_argument);
    CHECK_THROWS_AS(set({.name = "__Host-n", .domain = "a"}), std::invalid_argument);
    CHECK_NOTHROW(set({.name = "__Host-n"}));
}

TEST_CASE("what a write came to is an answer", "[worker][message]")
{
    using covey::put_result;
    for (auto const& [result, status] : {std::pair{put_result::stored, 204u},
                                         {put_result::unchanged, 204u},
                                         {put_result::exists, 409u},
                                         {put_result::missing, 404u},
                                         {put_result::conflict, 412u},
                                         {put_result::full, 507u},
                                         {put_result::too_long, 400u},
                                         {put_result::busy, 503u},
                                         {put_result::quarantined, 503u}}) {
        INFO(covey::name(result));
        CHECK(http::stored(result).status == status);
        CHECK(http::stored(covey::written{result, 1}).status == status);
        CHECK((http::stored(result).header("retry-after") == "1") == (status == 503));
    }
    CHECK(http::removed(covey::erase_result::erased).status == 204);
    CHECK(http::removed(covey::erase_result::missing).status == 404);
    CHECK(http::removed(covey::erase_result::busy).status == 503);
}

} // namespace cookie_test
