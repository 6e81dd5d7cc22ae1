// proxies: nginx and haproxy in front of a server on 127.0.0.1, over connections that they keep,
// with what they tell of each request.
#pragma once

#include "support/catch.hpp"
#include "support/http_client.hpp"
#include "support/installed.hpp"
#include "support/program.hpp"
#include "support/scratch_folder.hpp"
#include "support/wait_until.hpp"

#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <vector>

namespace covey::test {

// A port that nobody had a moment ago.
inline std::uint16_t free_port()
{
    handle const probe{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof address;
    REQUIRE(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
}

// A request as the proxy saw it.
struct proxied
{
    std::string target;
    std::string server; // who got it; empty: nobody
    unsigned status = 0;
};

class proxy
{
  public:
    // Null when it is not installed. `more` goes into nginx' location or haproxy's front end.
    static std::unique_ptr<proxy> nginx(std::uint16_t server, std::string const& more = "");
    static std::unique_ptr<proxy> haproxy(std::uint16_t server, std::string const& more = "");

    http_client connect() const { return http_client::to_port(port_); }
    std::string errors() const { return process_->errors(); }
    std::vector<proxied> told() const;

  private:
    void start(std::string const& path, std::vector<std::string> words);

    scratch_folder here_;
    std::uint16_t port_ = free_port();
    std::unique_ptr<program> process_;
    bool logs_to_file_ = false;
};

inline void proxy::start(std::string const& path, std::vector<std::string> words)
{
    process_ = std::make_unique<program>(path, std::move(words));
    REQUIRE(wait_until([&] {
        try {
            static_cast<void>(connect());
            return true;
        } catch (std::system_error const&) {
            return false;
        }
    }));
}

inline std::unique_ptr<proxy> proxy::nginx(std::uint16_t server, std::string const& more)
{
    auto const path = installed("nginx");
    if (!path)
        return nullptr;
    auto out = std::make_unique<proxy>();
    out->logs_to_file_ = true;
    auto const in = [&](std::string const& name) { return out->here_ / name; };
    std::string temporary;
    for (auto const* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        temporary += std::string{kind} + "_temp_path " + in(kind) + "; ";
    write_file(
        in("nginx.conf"),
        "daemon off; master_process off; pid " + in("pid") +
            ";\nerror_log stderr error;\nevents { worker_connections 64; }\n"
            "http {\n  log_format each '$request_uri $upstream_addr $status';\n  access_log " +
            in("log") + " each; client_max_body_size 10m;\n  " + temporary +
            "\n  upstream workers { server 127.0.0.1:" + std::to_string(server) +
            "; keepalive 4; }\n  server { listen 127.0.0.1:" + std::to_string(out->port_) +
            ";\n    location / { proxy_pass http://workers; proxy_http_version 1.1;\n"
            "      proxy_set_header Connection \"\"; proxy_next_upstream off; " +
            more + " } }\n}\n");
    out->start(*path, {"-c", in("nginx.conf"), "-p", in("")});
    return out;
}

inline std::unique_ptr<proxy> proxy::haproxy(std::uint16_t server, std::string const& more)
{
    auto const path = installed("haproxy");
    if (!path)
        return nullptr;
    auto out = std::make_unique<proxy>();
    write_file(out->here_ / "haproxy.cfg",
               "global\n  maxconn 64\n  log stdout format raw local0\ndefaults\n  mode http\n"
               "  timeout connect 30s\n  timeout client 30s\n  timeout server 30s\n  retries 0\n"
               "  http-reuse always\nfrontend in\n  log global\n  log-format \"%HU %s %ST\"\n"
               "  bind 127.0.0.1:" +
                   std::to_string(out->port_) + "\n  " + more +
                   "\n  default_backend workers\nbackend workers\n  server one 127.0.0.1:" +
                   std::to_string(server) + "\n");
    out->start(*path, {"-db", "-f", out->here_ / "haproxy.cfg"});
    return out;
}

// Of nobody: "-" and "<NOSRV>".
inline std::vector<proxied> proxy::told() const
{
    std::vector<proxied> out;
    std::istringstream lines{logs_to_file_ ? text_of(here_ / "log") : process_->output()};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        proxied one;
        if (words >> one.target >> one.server >> one.status) {
            if (one.server == "-" || one.server == "<NOSRV>")
                one.server.clear();
            out.push_back(std::move(one));
        }
    }
    return out;
}

} // namespace covey::test
