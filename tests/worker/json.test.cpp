#include <covey/worker/http/json.hpp>

#include "support/catch.hpp"

#include <boost/describe/class.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace json_test {

namespace http = covey::http;
using covey::datum;

namespace {

struct score
{
    std::string player;
    std::uint32_t points = 0;
    friend bool operator==(score const&, score const&) = default;
};
BOOST_DESCRIBE_STRUCT(score, (), (player, points))

struct match
{
    std::string name;
    bool over = false;
    double length = 0;
    std::optional<std::string> referee;
    std::vector<score> scores;
    friend bool operator==(match const&, match const&) = default;
};
BOOST_DESCRIBE_STRUCT(match, (), (name, over, length, referee, scores))

http::request with_body(std::string body, std::string type = "application/json")
{
    http::request made;
    made.method_name = "POST";
    made.body_text = std::move(body);
    if (!type.empty())
        made.fields.emplace_back("Content-Type", std::move(type));
    return made;
}

// The status and words of what reading it throws.
template <class T>
std::string refused(http::request const& asked)
{
    try {
        static_cast<void>(http::from_json<T>(asked));
    } catch (http::failure const& why) {
        return std::to_string(why.status()) + " " + why.what();
    }
    return "taken";
}

} // namespace

TEST_CASE("a described struct is JSON and back", "[worker][json]")
{
    match const one{"final \"1\"",
                    true,
                    1.5,
                    {},
                    {{"anna", 3},
                     {"b\xC3\xA9"
                      "a\n",
                      4294967295}}};
    auto const text = http::to_json(one);
    CHECK(text == R"({"name":"final \"1\"","over":true,"length":1.5E0,"referee":null,)"
                  R"("scores":[{"player":"anna","points":3},)"
                  "{\"player\":\"b\xC3\xA9"
                  "a\\n\",\"points\":4294967295}]}");
    CHECK(http::from_json<match>(with_body(text)) == one);
    auto const answer = http::as_json(score{"c", 1}, 201);
    CHECK(answer.status == 201);
    CHECK(answer.header("content-type") == "application/json");
    CHECK(answer.body == "{\"player\":\"c\",\"points\":1}\n");
    CHECK(http::parse_json_as<std::vector<score>>(R"([{"player":"a","points":1,"more":[]}])")
              .value() == std::vector<score>{{"a", 1}});
}

TEST_CASE("JSON that is no such struct is 400 and names the field", "[worker][json]")
{
    auto const wrong = [](std::string const& scores) {
        return refused<match>(
            with_body(R"({"name":"x","over":false,"length":1,"scores":)" + scores + "}"));
    };
    CHECK(wrong("[]") == "taken");
    CHECK(wrong(R"([{"player":"a","points":1},{"player":"b","points":"x"}])") ==
          R"(400 scores[1].points is "x", not an integer from 0 to 4294967295)");
    CHECK(wrong(R"([{"player":"a"}])") == "400 scores[0].points is missing");
    CHECK(wrong(R"([{"player":7,"points":1}])") == "400 scores[0].player is 7, not a string");
    CHECK(wrong(R"([{"player":"a","points":-1}])") ==
          "400 scores[0].points is -1, not an integer from 0 to 4294967295");
    CHECK(wrong("{}") == "400 scores is {}, not an array");
    CHECK(refused<match>(with_body("[]")) == "400 it is [], not a map");
}

TEST_CASE("what is no JSON is 400 and says where, another type is 415", "[worker][json]")
{
    for (auto const* text : {"", "{", "{\"a\":}", "[1,]", "nul", "1 2", "'a'", "{\"a\":1}x", "\xff",
                             "\"\xC3\"", "01", "+1", "NaN"}) {
        INFO(text);
        auto const why = refused<datum>(with_body(text));
        CHECK(why.starts_with("400 it is no JSON: "));
        CHECK(why.find(" at byte ") != why.npos);
    }
    CHECK(refused<datum>(with_body("[1, x]")).ends_with("at byte 4"));
    CHECK(refused<datum>(with_body(std::string(30, '[') + std::string(30, ']'))) == "taken");
    CHECK(refused<datum>(with_body(std::string(100'000, '['))).starts_with("400 "));
    CHECK(refused<datum>(with_body("1", "text/plain")) ==
          "415 the body is text/plain, not application/json");
    for (auto const* type : {"", "application/json", "Application/JSON; charset=utf-8",
                             "application/merge-patch+json"})
        CHECK(refused<datum>(with_body("1", type)) == "taken");
}

TEST_CASE("every number and character of JSON comes through", "[worker][json]")
{
    for (auto const* text : {"null", "true", "0", "-9223372036854775808", "18446744073709551615",
                             "\"\\u0000\\\"\"", "[[],{}]", "{\"\":{\"a\":[null]}}"}) {
        INFO(text);
        CHECK(http::to_json_text(http::parse_json(text).value()) == text);
    }
    CHECK(http::parse_json("1e2").value() == datum{100.0});
    CHECK(http::parse_json(R"({"a":1,"a":2})").value()["a"].as<int>() == 2);
    CHECK(http::to_json_text(std::nan("")) == "null");
    CHECK(http::to_json_text(-std::numeric_limits<double>::infinity()) == "null");
    CHECK(http::to_json_text(datum::bytes{0, 171}) == "\"00ab\"");
    CHECK(http::to_json_text(datum::map{{7, true}}) == "{\"7\":true}");
}

} // namespace json_test
