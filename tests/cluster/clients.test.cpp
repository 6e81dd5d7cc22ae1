// Clients and proxies as people have them, at a small scale: each talks to a cluster without an
// error. Those that are not installed are left out, and said to be.
#include "cluster.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace clients_test {

using namespace covey::test;

namespace {

std::optional<std::string> installed(std::string const& name)
{
    for (auto const* folder : {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"})
        if (::access((folder + name).c_str(), X_OK) == 0)
            return folder + name;
    std::cout << name << " is not installed: left out\n";
    return std::nullopt;
}

struct outcome
{
    int code = 0;
    std::string said;
};

outcome run(std::string const& path, std::vector<std::string> words)
{
    program it{path, std::move(words)};
    auto const code = it.wait_for_end();
    return {code, it.output() + it.errors()};
}

bool says(outcome const& made, std::string_view text)
{
    return made.said.find(text) != std::string::npos;
}

class scratch
{
  public:
    scratch()
    {
        char name[] = "/tmp/covey-clients-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        folder_ = name;
    }
    ~scratch() { std::filesystem::remove_all(folder_); }
    std::string path(std::string const& name) const { return folder_ + "/" + name; }
    std::string write(std::string const& name, std::string const& text) const
    {
        std::ofstream{path(name)} << text;
        return path(name);
    }

  private:
    std::string folder_;
};

// A port that nobody had a moment ago.
std::uint16_t free_port()
{
    covey::handle const probe{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof address;
    REQUIRE(::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
}

// Requests through a proxy: over connections that it keeps to the workers.
void ask_through(std::uint16_t port)
{
    REQUIRE(wait_until([&] {
        try {
            static_cast<void>(http_client::to_port(port));
            return true;
        } catch (std::system_error const&) {
            return false;
        }
    }));
    auto client = http_client::to_port(port);
    for (int i = 0; i < 50; ++i) {
        auto const body = std::string(static_cast<std::size_t>(i) * 1000, 'x');
        auto const answer = ask(client, i % 2 == 0 ? "POST" : "PUT", "/a?b=c", body + "y");
        CHECK(answer.status == 200);
        CHECK((answer.body == body + "y"));
    }
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5\r\nhello\r\n0\r\n\r\n");
    CHECK(client.read().body == "hello");
    // What a proxy lets through of what is no request is refused behind it, and hides nothing.
    auto smuggler = http_client::to_port(port);
    smuggler.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n"
                  "Content-Length: 4\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n");
    auto const status = smuggler.read().status;
    CHECK((status == 400 || status == 501));
    CHECK(smuggler.read_to_end().find("HTTP/1.1 200") == std::string::npos);
}

} // namespace

TEST_CASE("curl is served: both ways, with and without a connection kept", "[cluster][clients]")
{
    auto const curl = installed("curl");
    if (!curl)
        return;
    cluster const it{ECHO, 2};
    scratch const folder;
    std::string const large(300'000, 'x');
    auto const file = folder.write("large", large);
    auto const url = "http://127.0.0.1:" + std::to_string(it.port) + "/";
    auto made = run(*curl, {"-sS", "--fail", "-d", "some bytes", url, "--next", "-sS", "--fail",
                            "-d", "others", url});
    CHECK(made.code == 0);
    CHECK(made.said == "some bytesothers");
    // An Expect: 100-continue, and chunks.
    made = run(*curl, {"-sS", "--fail", "-T", file, "-H", "Expect: 100-continue", url + "up"});
    CHECK((made.said == large));
    made =
        run(*curl, {"-sS", "--fail", "-T", file, "-H", "Transfer-Encoding: chunked", url + "up"});
    CHECK((made.said == large));
    made = run(*curl, {"-sS", "--fail", "--http1.0", "-d", "old", url});
    CHECK(made.said == "old");
    made = run(*curl, {"-sS", "-I", url});
    CHECK(says(made, "HTTP/1.1 200 OK"));
}

TEST_CASE("a cluster on a unix socket is served to curl", "[cluster][clients]")
{
    auto const curl = installed("curl");
    if (!curl)
        return;
    scratch const folder;
    auto const path = folder.path("web.sock");
    cluster const it{ECHO, 2, {"--listen", "unix:" + path}};
    auto const made = run(*curl, {"-sS", "--fail", "--unix-socket", path, "-d", "x", "http://a/b"});
    CHECK(made.said == "x");
}

TEST_CASE("ab, wrk and h2load count no error", "[cluster][clients]")
{
    cluster const it{HELLO, 2};
    auto const url = "http://127.0.0.1:" + std::to_string(it.port) + "/";
    if (auto const ab = installed("ab"))
        for (auto const* kept : {"-k", "-d"}) { // -d: nothing of interest
            auto const made = run(*ab, {"-q", kept, "-n", "500", "-c", "8", url});
            INFO(made.said);
            CHECK(made.code == 0);
            CHECK(says(made, "Complete requests:      500"));
            CHECK(!says(made, "Non-2xx"));
        }
    if (auto const wrk = installed("wrk")) {
        auto const made = run(*wrk, {"-t1", "-c8", "-d1s", url});
        INFO(made.said);
        CHECK(made.code == 0);
        CHECK(!says(made, "Socket errors"));
        CHECK(!says(made, "Non-2xx"));
    }
    if (auto const h2load = installed("h2load")) {
        auto const made = run(*h2load, {"--h1", "-n", "500", "-c", "8", url});
        INFO(made.said);
        CHECK(made.code == 0);
        CHECK(says(made, "500 succeeded, 0 failed, 0 errored"));
    }
}

TEST_CASE("Node's http and fetch are served over connections they keep", "[cluster][clients]")
{
    auto const node = installed("node");
    if (!node)
        return;
    cluster const it{ECHO, 2};
    scratch const folder;
    auto const script = folder.write("ask.js", R"(
const http = require('http');
const port = Number(process.argv[2]);
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
const one = (body) => new Promise((done, failed) => {
  const where = { port, host: '127.0.0.1', method: 'POST', path: '/a', agent };
  const asked = http.request(where, (got) => {
    let text = '';
    got.on('data', (more) => { text += more; });
    const fits = () => got.statusCode === 200 && text === body;
    got.on('end', () => (fits() ? done() : failed(new Error(text))));
  });
  asked.on('error', failed);
  asked.write(body); // without a length: in chunks
  asked.end();
});
(async () => {
  await Promise.all(Array.from({ length: 200 }, (_, i) => one('http ' + i)));
  agent.destroy();
  if (globalThis.fetch) // undici
    for (let i = 0; i < 100; i++) {
      const got = await fetch(`http://127.0.0.1:${port}/b`, { method: 'PUT', body: 'fetch ' + i });
      if (got.status !== 200 || await got.text() !== 'fetch ' + i) throw new Error('fetch ' + i);
    }
  console.log('all is well');
})().catch((wrong) => { console.log(wrong); process.exitCode = 1; });
)");
    auto const made = run(*node, {script, std::to_string(it.port)});
    INFO(made.said);
    CHECK(made.code == 0);
    CHECK(says(made, "all is well"));
}

TEST_CASE("nginx in front keeps its connections and is served", "[cluster][clients]")
{
    auto const nginx = installed("nginx");
    if (!nginx)
        return;
    cluster const it{ECHO, 2};
    scratch const folder;
    auto const port = free_port();
    auto const settings = folder.write(
        "nginx.conf",
        "daemon off; master_process off; pid " + folder.path("pid") +
            ";\nerror_log stderr warn;\nevents { worker_connections 64; }\n"
            "http {\n  access_log off; client_max_body_size 10m;\n"
            "  client_body_temp_path " +
            folder.path("body") + "; proxy_temp_path " + folder.path("proxy") +
            "; fastcgi_temp_path " + folder.path("fastcgi") + "; uwsgi_temp_path " +
            folder.path("uwsgi") + "; scgi_temp_path " + folder.path("scgi") +
            ";\n  upstream workers { server 127.0.0.1:" + std::to_string(it.port) +
            "; keepalive 4; }\n  server { listen 127.0.0.1:" + std::to_string(port) +
            ";\n    location / { proxy_pass http://workers; proxy_http_version 1.1;\n"
            "      proxy_set_header Connection \"\"; proxy_request_buffering off; } }\n}\n");
    program const proxy{*nginx, {"-c", settings, "-p", folder.path("")}};
    ask_through(port);
    INFO(proxy.errors());
    CHECK(proxy.errors().find("[error]") == std::string::npos);
}

TEST_CASE("haproxy in front keeps its connections and is served", "[cluster][clients]")
{
    auto const haproxy = installed("haproxy");
    if (!haproxy)
        return;
    cluster const it{ECHO, 2};
    scratch const folder;
    auto const port = free_port();
    auto const settings = folder.write(
        "haproxy.cfg",
        "global\n  maxconn 64\ndefaults\n  mode http\n  timeout connect 30s\n  timeout client 30s\n"
        "  timeout server 30s\n  http-reuse always\nfrontend in\n  bind 127.0.0.1:" +
            std::to_string(port) +
            "\n  default_backend workers\nbackend workers\n  server one 127.0.0.1:" +
            std::to_string(it.port) + "\n");
    program const proxy{*haproxy, {"-db", "-f", settings}};
    ask_through(port);
}

} // namespace clients_test
