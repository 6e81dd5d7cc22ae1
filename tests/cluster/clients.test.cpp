// Clients and proxies as people have them, at a small scale: each talks to a cluster without an
// error. Those that are not installed are left out, and said to be.
#include "cluster.hpp"
#include "proxies.hpp"

#include "support/installed.hpp"
#include "support/scratch_folder.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace clients_test {

using namespace covey::test;

namespace {

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

// Requests through a proxy: over connections that it keeps to the workers.
void ask_through(proxy const& front)
{
    auto client = front.connect();
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
    auto smuggler = front.connect();
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
    scratch_folder const folder;
    std::string const large(300'000, 'x');
    auto const file = folder / "large";
    write_file(file, large);
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
    scratch_folder const folder;
    auto const path = folder / "web.sock";
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
    scratch_folder const folder;
    auto const script = folder / "ask.js";
    write_file(script, R"(
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
    cluster const it{ECHO, 2};
    auto const front = proxy::nginx(it.port, "proxy_request_buffering off;");
    if (!front)
        return;
    ask_through(*front);
    INFO(front->errors());
    CHECK(front->errors().find("[error]") == std::string::npos);
}

TEST_CASE("haproxy in front keeps its connections and is served", "[cluster][clients]")
{
    cluster const it{ECHO, 2};
    if (auto const front = proxy::haproxy(it.port))
        ask_through(*front);
}

} // namespace clients_test
