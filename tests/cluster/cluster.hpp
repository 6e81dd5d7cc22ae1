// cluster: one of the examples as a running cluster, on a port of its own, and clients for it.
#pragma once

#include "support/catch.hpp"
#include "support/http_client.hpp"
#include "support/program.hpp"
#include "support/wait_until.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace covey::test {

inline std::string request_text(std::string_view method, std::string_view path,
                                std::string_view body = {}, std::string_view fields = {})
{
    std::string out;
    out.append(method).append(" ").append(path).append(" HTTP/1.1\r\nHost: board\r\n");
    out.append(fields);
    if (!body.empty())
        out.append("Content-Length: " + std::to_string(body.size()) + "\r\n");
    return out.append("\r\n").append(body);
}

// Over a connection that stays open.
inline http_response ask(http_client& client, std::string_view method, std::string_view path,
                         std::string_view body = {}, std::string_view fields = {})
{
    client.send(request_text(method, path, body, fields));
    return client.read();
}

// Which worker an answer is from; 0 when it does not say.
inline pid_t worker_of(http_response const& answer)
{
    auto const text = answer.header("X-Worker");
    return text.empty() ? 0 : static_cast<pid_t>(std::stol(text));
}

class cluster
{
  public:
    // Waits until it says that it is ready.
    explicit cluster(std::string const& path, std::uint32_t workers = 2,
                     std::vector<std::string> words = {}, std::vector<std::string> variables = {})
        : process{path, with_defaults(std::move(words), workers), std::move(variables)}
    {
        bool const said =
            wait_until([&] { return has_said("\n") || !process.is_running(); }) && has_said("\n");
        INFO(process.output() << process.errors());
        REQUIRE(said);
        auto const line = process.output();
        auto const at = line.find(" ready on 127.0.0.1:");
        REQUIRE(at != line.npos);
        port = static_cast<std::uint16_t>(std::stoul(line.substr(at + 20)));
    }

    http_client connect() const { return http_client::to_port(port); }

    // Over a connection of its own.
    http_response ask(std::string_view method, std::string_view path, std::string_view body = {},
                      std::string_view fields = {}) const
    {
        auto client = connect();
        return test::ask(client, method, path, body, fields);
    }

    std::vector<pid_t> workers() const
    {
        auto out = children_of(process.pid());
        out.erase(std::remove_if(out.begin(), out.end(), is_gone), out.end());
        return out;
    }

    // Connections that are held by `count` workers, one each.
    std::vector<http_client> one_on_each(std::size_t count) const
    {
        std::vector<http_client> out;
        std::set<pid_t> seen;
        wait_until([&] {
            auto client = connect();
            if (seen.insert(worker_of(test::ask(client, "GET", "/healthz"))).second)
                out.push_back(std::move(client));
            return seen.size() == count;
        });
        REQUIRE(out.size() == count);
        return out;
    }

    bool has_said(std::string_view text) const { return process.output().find(text) != npos; }
    bool has_logged(std::string_view text) const { return process.errors().find(text) != npos; }

    std::size_t times_logged(std::string_view text) const
    {
        auto const log = process.errors();
        std::size_t count = 0;
        for (auto at = log.find(text); at != npos; at = log.find(text, at + 1))
            ++count;
        return count;
    }

    program process;
    std::uint16_t port = 0;

  private:
    static constexpr auto npos = std::string::npos;
    static std::vector<std::string> with_defaults(std::vector<std::string> words,
                                                  std::uint32_t workers)
    {
        words.insert(words.end(),
                     {"--listen", "127.0.0.1:0", "--workers", std::to_string(workers)});
        return words;
    }
};

} // namespace covey::test
