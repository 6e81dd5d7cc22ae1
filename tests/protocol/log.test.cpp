// The log: one line an event, whatever the event's text holds.
#include "support/catch.hpp"
#include "support/said.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <covey/protocol/log.hpp>
#include <regex>
#include <string>
#include <unistd.h>

using namespace covey;
using test::said;

namespace {

std::string line_of(log::format form, std::string_view text, std::string role = "worker 1")
{
    log::configure(std::move(role), log::level::debug, form);
    return said([&] { log::info(text); });
}

// The end of a line behind its time.
std::string after_time(std::string const& line, std::string_view mark)
{
    return line.substr(line.find(mark));
}

} // namespace

TEST_CASE("a line carries time, level, role and text", "[log]")
{
    CHECK(std::regex_match(
        line_of(log::format::text, "serving"),
        std::regex{R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info  worker 1: serving\n)"}));
    CHECK(std::regex_match(
        line_of(log::format::json, "serving"),
        std::regex{R"re(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info",)re"
                   R"re("role":"worker 1","text":"serving"\}\n)re"}));
}

TEST_CASE("no text can end a line or forge the next one", "[log]")
{
    std::string const forged = "a\n2026-01-01T00:00:00.000Z info  master: all is well\r\x1b[2J\tz";
    auto const text = line_of(log::format::text, forged, "worker\n1");
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
    CHECK(after_time(text, "Z info") ==
          "Z info  worker\\n1: a\\n2026-01-01T00:00:00.000Z info  master: all is well\\r\\x1b[2J"
          "\\tz\n");

    auto const json = line_of(log::format::json, forged + "\",\"level\":\"error\\", "worker\"1");
    CHECK(std::count(json.begin(), json.end(), '\n') == 1);
    CHECK(
        after_time(json, "\"level\"") ==
        "\"level\":\"info\",\"role\":\"worker\\\"1\",\"text\":\"a\\u000a2026-01-01T00:00:00.000Z "
        "info  master: all is well\\u000d\\u001b[2J\\u0009z\\\",\\\"level\\\":\\\"error\\\\\"}\n");
}

TEST_CASE("UTF-8 passes and what is not UTF-8 is made visible", "[log]")
{
    auto const [in, text, json] = GENERATE(table<std::string, std::string, std::string>({
        {"h\u00e9llo \u2603 \U0001F426", "h\u00e9llo \u2603 \U0001F426",
         "h\u00e9llo \u2603 \U0001F426"},
        {"\xff", "\\xff", "\\ufffd"},                                 // never a byte
        {"\xc0\xaf", "\\xc0\\xaf", "\\ufffd\\ufffd"},                 // overlong
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"}, // a surrogate
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"}, // too large
        {"\xe2\x98", "\\xe2\\x98", "\\ufffd\\ufffd"},                                 // cut short
        {"\u009b2J", "\\u009b2J", "\\u009b2J"}, // a C1 control
        {"\x7f", "\\x7f", "\\u007f"},
    }));
    CHECK(after_time(line_of(log::format::text, in), ": ") == ": " + text + "\n");
    CHECK(after_time(line_of(log::format::json, in), "\"text\"") == "\"text\":\"" + json + "\"}\n");
}

TEST_CASE("braces and percent signs are text", "[log]")
{
    CHECK(after_time(line_of(log::format::text, "{} %v %n"), ": ") == ": {} %v %n\n");
    CHECK(after_time(line_of(log::format::text, "x", "%v{}"), "info") == "info  %v{}: x\n");
}

TEST_CASE("what is below the level is not said", "[log]")
{
    log::configure("master", log::level::warning, log::format::text);
    CHECK_FALSE(log::enabled(log::level::info));
    CHECK(log::enabled(log::level::warning));
    auto const text = said([] {
        log::debug("no");
        log::info("no");
        log::warning("yes");
        log::error("yes");
    });
    CHECK(std::count(text.begin(), text.end(), '\n') == 2);
    CHECK(text.find("warning master: yes") != std::string::npos);
    CHECK(text.find("error master: yes") != std::string::npos);

    log::configure("master", log::level::off, log::format::text);
    CHECK(said([] { log::error("no"); }).empty());
    log::configure("covey", log::level::info, log::format::text);
}

TEST_CASE("levels and formats have names", "[log]")
{
    for (auto const value : {log::level::debug, log::level::info, log::level::warning,
                             log::level::error, log::level::off}) {
        log::level parsed{};
        REQUIRE(log::parse(log::name(value), parsed));
        CHECK(parsed == value);
    }
    for (auto const value : {log::format::text, log::format::json}) {
        log::format parsed{};
        REQUIRE(log::parse(log::name(value), parsed));
        CHECK(parsed == value);
    }
    log::level level{};
    log::format format{};
    CHECK_FALSE(log::parse("loud", level));
    CHECK_FALSE(log::parse("", level));
    CHECK_FALSE(log::parse("xml", format));
}
