// The log: one line an event, whatever the event's text holds.
#include "support/catch.hpp"
#include "support/said.hpp"

#include <algorithm>
#include <atomic>
#include <boost/system/system_error.hpp>
#include <covey/protocol/log.hpp>
#include <fcntl.h>
#include <regex>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace log_test {

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

// A standard error that takes no more bytes, and its other end.
std::pair<handle, handle> full_pipe()
{
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    std::string const page(4096, 'x');
    while (::write(ends[1], page.data(), page.size()) > 0) {
    }
    REQUIRE(::fcntl(ends[1], F_SETFL, 0) == 0); // as it comes from a shell: it would wait
    return {handle{ends[0]}, handle{ends[1]}};
}
std::pair<handle, handle> full_socket()
{
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    std::string const page(4096, 'x');
    while (::send(ends[1], page.data(), page.size(), MSG_DONTWAIT) > 0) {
    }
    return {handle{ends[0]}, handle{ends[1]}};
}

// Everything that is there.
std::string drained(handle const& from)
{
    REQUIRE(::fcntl(from.get(), F_SETFL, O_NONBLOCK) == 0);
    std::string out(1 << 20, '\0');
    std::size_t size = 0;
    for (ssize_t got = 0;
         (got = ::read(from.get(), out.data() + size, out.size() - size)) > 0 && size < out.size();)
        size += static_cast<std::size_t>(got);
    out.resize(size);
    return out;
}

// Standard error is `other` for as long as this lives.
class other_standard_error
{
  public:
    explicit other_standard_error(handle const& other)
        : before_{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)}
    {
        REQUIRE(::dup2(other.get(), STDERR_FILENO) == STDERR_FILENO);
    }
    ~other_standard_error() { ::dup2(before_.get(), STDERR_FILENO); }
    other_standard_error(other_standard_error const&) = delete;
    other_standard_error& operator=(other_standard_error const&) = delete;

  private:
    handle before_;
};

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

TEST_CASE("who logs never waits for who reads, and every line that is lost is counted", "[log]")
{
    bool const socket = GENERATE(false, true);
    log::configure("worker 1", log::level::info, log::format::text);
    auto const [reader, writer] = socket ? full_socket() : full_pipe();
    std::atomic<std::uint64_t> total{0};
    auto const before = log::dropped();
    {
        other_standard_error const full{writer};
        log::count_dropped_in(&total);
        for (int i = 0; i != 100; ++i)
            log::info("nobody reads this"); // it would never return
        CHECK(log::dropped() - before == 100);
        CHECK(total == 100);
        drained(reader);
        log::info("read again");
        log::info("and on");
        log::count_dropped_in(nullptr);
    }
    auto const text = drained(reader);
    CHECK(text.find("Z warning worker 1: lines that are missing here, because standard error did "
                    "not take them: 100\n") != text.npos);
    CHECK(text.find("worker 1: read again\n") != text.npos);
    CHECK(text.ends_with("worker 1: and on\n"));
    CHECK(std::count(text.begin(), text.end(), '\n') == 3);
    CHECK(total == 100);
}

TEST_CASE("a line for a full disk is lost and counted, and no other line is harmed", "[log]")
{
    log::configure("worker 1", log::level::info, log::format::text);
    auto const before = log::dropped();
    {
        handle const full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
        REQUIRE(full.is_open());
        other_standard_error const its{full};
        log::error("lost");
    }
    CHECK(log::dropped() - before == 1);
    auto const text = said([] { log::error("kept"); });
    CHECK(text.find("did not take them: 1\n") != text.npos);
    CHECK(text.ends_with("worker 1: kept\n"));
    log::configure("covey", log::level::info, log::format::text);
}

} // namespace log_test
