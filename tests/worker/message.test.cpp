#include <covey/worker/http/message.hpp>

#include "support/catch.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace message_test {

namespace http = covey::http;

TEST_CASE("a request's header is found in any case", "[worker][message]")
{
    http::request asked;
    asked.fields = {{"Content-Type", "text/plain"}, {"X-Under_score", "1"}};
    CHECK(asked.header("content-TYPE") == "text/plain");
    CHECK(asked.header("x-under-score").empty());
    CHECK(asked.header("absent").empty());
}

TEST_CASE("a request's query is decoded", "[worker][message]")
{
    http::request asked;
    asked.target_text = "/search?q=a+b%26c&empty=&flag&q=second&%6Eame=x&bad=%zz";
    CHECK(asked.path() == "/search");
    CHECK(asked.query("q") == "a b&c");
    CHECK(asked.query("empty") == "");
    CHECK(asked.query("flag") == "");
    CHECK(asked.query("name") == "x");
    CHECK(asked.query("bad") == std::nullopt);
    CHECK(asked.query("absent") == std::nullopt);
    CHECK(asked.queries("q") == std::vector<std::string>{"a b&c", "second"});
    CHECK(asked.queries("bad").empty());
    CHECK(asked.queries("absent").empty());
    asked.target_text = "/search";
    CHECK(asked.query("q") == std::nullopt);
}

TEST_CASE("a body is parsed as one number or not at all", "[worker][message]")
{
    http::request asked;
    auto const number = [&](char const* body) {
        asked.body_text = body;
        return asked.parse<std::int64_t>();
    };
    CHECK(number("42") == 42);
    CHECK(number("-42") == -42);
    CHECK(number("+42") == 42);
    for (auto const* body :
         {"", "+", "-", "+-1", "++1", " 1", "1 ", "1.5", "0x10", "one", "9223372036854775808"})
        CHECK(number(body) == std::nullopt);
}

TEST_CASE("a status of an error carries its reason", "[worker][message]")
{
    CHECK(http::status(204).body.empty());
    CHECK(http::status(404).body == "Not Found\n");
    CHECK(http::reason(507) == "Insufficient Storage");
    CHECK(http::reason(799).empty());
    CHECK(http::json("{}").fields.front().second == "application/json");
    CHECK(http::text("x", 201).status == 201);
}

} // namespace message_test
