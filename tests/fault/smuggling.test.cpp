// Requests that are tampered with: what a server answers is what a strict reading of the same bytes
// sees, request by request, and after what is none nothing more. So nobody on the way to it, who
// reads strictly, can be made to see fewer requests than it does.
#include "support/campaign.hpp"
#include "support/http_server.hpp"
#include "support/mutations.hpp"
#include "support/plain_requests.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <covey/worker/http/strictness.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace tampering_test {

using namespace covey;
using covey::test::campaign;
using covey::test::http_server;
using covey::test::mutations;
using covey::test::plain_reading;
using covey::test::read_plainly;
using covey::test::times;
namespace strictness = covey::http::strictness;

namespace {

// Says which request it has seen.
std::string seen(std::string_view target, std::string_view body)
{
    return std::string{target} + "|" + std::string{body};
}

void routes(http::router& to, boost::asio::io_context&)
{
    auto const echo = [](http::request const& asked) {
        return http::text(seen(asked.target(), asked.body()));
    };
    to.add("GET", "/{rest...}", echo);
    to.add("POST", "/{rest...}", echo);
}

struct answer
{
    unsigned status = 0;
    std::string body;
};

// `requests` are what it answers: the answer to a HEAD has no body.
std::vector<answer> answers_in(std::string_view bytes, plain_reading const& asked)
{
    std::vector<answer> out;
    while (bytes.starts_with("HTTP/1.")) {
        auto const end = bytes.find("\r\n\r\n");
        if (end == bytes.npos)
            break;
        auto const head = bytes.substr(0, end);
        bytes.remove_prefix(end + 4);
        answer one;
        std::from_chars(head.data() + 9, head.data() + 12, one.status);
        if (one.status == 100)
            continue;
        std::size_t size = 0;
        if (auto const at = head.find("Content-Length: "); at != head.npos)
            std::from_chars(head.data() + at + 16, head.data() + head.size(), size);
        bool const is_head =
            out.size() < asked.requests.size() && asked.requests[out.size()].method == "HEAD";
        if (!is_head && one.status != 204) {
            one.body = bytes.substr(0, size);
            bytes.remove_prefix(std::min(size, bytes.size()));
        }
        out.push_back(std::move(one));
    }
    if (!bytes.empty())
        out.push_back({}); // what is no answer counts as one
    return out;
}

bool is_refusal(unsigned status)
{
    constexpr std::array refusals{400u, 413u, 414u, 417u, 431u, 501u, 505u};
    return std::find(refusals.begin(), refusals.end(), status) != refusals.end();
}

std::string printable(std::string_view bytes)
{
    constexpr auto* digits = "0123456789abcdef";
    std::string out;
    for (char const c : bytes)
        if (c >= ' ' && c < 0x7f)
            out += c;
        else
            out.append("\\x").append(1, digits[c >> 4 & 15]).append(1, digits[c & 15]);
    return out;
}

// What the server has made of the bytes, against the plain reading.
void judge(std::string const& bytes, std::vector<answer> const& got, plain_reading const& asked,
           campaign& run)
{
    INFO(printable(bytes.substr(0, 2000)));
    run.expect(got.size() <= asked.requests.size() + 1, "no more answers than requests, but one");
    for (std::size_t i = 0; i != got.size(); ++i) {
        bool const last = i + 1 == got.size();
        auto const& one = got[i];
        if (i >= asked.requests.size()) {
            run.expect(last && is_refusal(one.status), "what is no request is refused");
            run.expect(!asked.clean, "and nothing else is");
            run.count("refused");
        } else if (one.status == 200 && asked.requests[i].method != "HEAD") {
            auto const& its = asked.requests[i];
            // An absolute target comes to the handler as its path.
            bool const same = one.body == seen(its.target, its.body) ||
                              (!its.target.starts_with('/') && one.body.ends_with("|" + its.body));
            run.expect(same, "an answer is to the request at its place");
            run.count("served");
        } else {
            run.expect(one.status != 0, "an answer is one");
            run.count("answered otherwise");
        }
    }
}

} // namespace

TEST_CASE("a plain reading of requests refuses what the strictness table refuses for its form",
          "[fault]")
{
    std::size_t refused = 0;
    for (auto const& row : strictness::table()) {
        // These are for what the plain reading does not look into.
        bool const beyond = row.group == "limit" || row.group == "Expect" ||
                            (row.group == "Host" && row.name != "none" && row.name != "two" &&
                             row.name != "two equal ones") ||
                            row.name.find("60 zeros") != row.name.npos ||
                            row.name.find("extension") != row.name.npos ||
                            row.name.find("a trailer") != row.name.npos ||
                            row.name.find("target") != row.name.npos || row.name == "CONNECT" ||
                            row.name == "* with GET" || row.name == "a bad escape" ||
                            row.name == "ftp";
        auto const reading = read_plainly(row.bytes);
        auto const answered = static_cast<std::size_t>(
            std::count(row.statuses.begin(), row.statuses.end(), strictness::answered));
        CAPTURE(row.group, row.name);
        if (answered == row.statuses.size()) {
            CHECK(reading.clean);
            CHECK(reading.requests.size() == answered);
        } else if (!beyond) {
            CHECK_FALSE(reading.clean);
            CHECK(reading.requests.size() == answered);
            ++refused;
        }
    }
    CHECK(refused > 50);
}

TEST_CASE("requests that are tampered with are answered as a strict reading sees them", "[fault]")
{
    campaign run{"smuggling"};
    {
        http_server server{routes};
        mutations tampered{run.random()};
        std::vector<std::string> rows;
        for (auto const& row : strictness::table())
            if (row.bytes.size() < 4096)
                rows.push_back(row.bytes);
        auto const any_row = [&] { return rows[tampered.below(rows.size())]; };
        auto const base = [&]() -> std::string {
            switch (tampered.below(4)) {
            case 0:
                return any_row() + tampered.pipelined();
            case 1:
                return tampered.spliced(any_row(), any_row());
            default:
                return tampered.pipelined();
            }
        };
        for (int i = 0; i != times(15'000, 1'000'000); ++i) {
            // One in sixteen is left as it was: what is a request is answered, or nothing is shown.
            auto const whole = i % 16 == 0;
            auto const bytes = whole ? tampered.pipelined() : tampered.of(base());
            auto const asked = read_plainly(bytes);
            auto client = server.connect();
            client.send(bytes);
            client.end_sending();
            auto const got = answers_in(client.read_to_end(), asked);
            judge(bytes, got, asked, run);
            if (whole)
                run.expect(asked.clean && got.size() == asked.requests.size() &&
                               got.back().status == 200,
                           "what nobody has tampered with is served");
            run.count("inputs");
        }
        run.expect(run.counted("refused") > run.counted("inputs") / 4, "many are refused");
    }
    run.expect_descriptors_back();
}

} // namespace tampering_test
