// Requests that are tampered with, through a proxy that people use: what a cluster behind it
// answers are the requests that the proxy sent, as many and with the same targets.
#include "cluster/cluster.hpp"
#include "cluster/proxies.hpp"

#include "support/campaign.hpp"
#include "support/mutations.hpp"
#include "support/scratch_folder.hpp"

#include <algorithm>
#include <covey/worker/http/strictness.hpp>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace smuggling_test {

using namespace covey::test;

namespace {

// A target in letters that both logs write alike; else "".
std::string plain(std::string const& target)
{
    bool const is =
        target.find_first_not_of("abcdefghijklmnopqrstuvwxyz/-0123456789") == target.npos;
    return is ? target : "";
}

// Targets of what the cluster has answered, refusals included, by how often.
using handled = std::map<std::string, std::size_t>;

handled handled_by(std::string const& access_log)
{
    handled out;
    std::istringstream lines{access_log};
    for (std::string line; std::getline(lines, line);) {
        auto const quote = line.find('"') + 1; // "GET /m1-0 HTTP/1.1"
        auto const begin = line.find(' ', quote) + 1;
        ++out[plain(line.substr(begin, line.find_first_of(" \"", begin) - begin))];
    }
    return out;
}

std::size_t sum(handled const& of)
{
    std::size_t out = 0;
    for (auto const& [target, count] : of)
        out += count;
    return out;
}

void tamper_through(proxy const& front, std::string const& access_log, campaign& run)
{
    mutations tampered{run.random()};
    std::vector<std::string> rows;
    for (auto const& row : covey::http::strictness::table())
        if (row.bytes.size() < 4096)
            rows.push_back(row.bytes);
    for (int i = 0; i != times(1'000, 100'000); ++i) {
        auto const& row = rows[tampered.below(rows.size())];
        auto const base = (i % 4 == 0 ? row : std::string{}) + tampered.pipelined();
        auto client = front.connect();
        client.send(i % 16 == 1 ? base : tampered.of(base));
        client.end_sending();
        client.read_to_end();
        run.count("inputs");
    }
    handled sent;
    handled unanswered; // by whom they were sent to
    for (auto const& one : front.told())
        if (!one.server.empty())
            ++(one.status < 500 || one.status == 501 || one.status == 505
                   ? sent
                   : unanswered)[plain(one.target)];
    // The log's lines leave some time after their answers.
    bool const all = wait_until([&] { return sum(handled_by(text_of(access_log))) >= sum(sent); });
    run.expect(all, "everything that was sent and answered was answered by the cluster");
    auto const got = handled_by(text_of(access_log));
    run.expect(sum(got) <= sum(sent) + sum(unanswered), "and nothing else");
    for (auto const& [target, count] : got)
        if (target.starts_with("/m") || target == "/hidden") {
            INFO(target);
            run.expect(count <= sent[target] + unanswered[target],
                       "a request behind the proxy is one in front");
        }
    run.count("sent on", sum(sent));
    run.count("sent on without an answer", sum(unanswered));
    run.count("answered", sum(got));
}

} // namespace

TEST_CASE("nginx in front and the cluster behind see the same requests, whatever they are",
          "[fault]")
{
    scratch_folder const here;
    cluster const it{ECHO, 2, {"--access-log", here / "log"}};
    if (auto const front = proxy::nginx(it.port, "proxy_ignore_client_abort on;")) {
        campaign run{"smuggling through nginx"};
        tamper_through(*front, here / "log", run);
    }
}

TEST_CASE("haproxy in front and the cluster behind see the same requests, whatever they are",
          "[fault]")
{
    scratch_folder const here;
    cluster const it{ECHO, 2, {"--access-log", here / "log"}};
    if (auto const front = proxy::haproxy(it.port, "option http-buffer-request")) {
        campaign run{"smuggling through haproxy"};
        tamper_through(*front, here / "log", run);
    }
}

} // namespace smuggling_test
