// The board's interface: every status it promises, over two workers that share one state.
#include "cluster.hpp"

#include <thread>

namespace board_test {

using namespace covey::test;

TEST_CASE("the board serves its page to browsers", "[cluster][board]")
{
    cluster const it{BOARD, 1};
    struct row
    {
        char const* path;
        char const* type;
        char const* part;
    };
    for (auto const& [path, type, part] :
         {row{"/", "text/html; charset=utf-8", "<!doctype html>"},
          row{"/board.js", "text/javascript; charset=utf-8", "new EventSource("},
          row{"/board.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
          row{"/board.svg", "image/svg+xml", "<svg"}}) {
        auto const answer = it.ask("GET", path);
        CHECK(answer.status == 200);
        CHECK(answer.header("Content-Type") == type);
        CHECK(answer.header("Content-Security-Policy").starts_with("default-src 'none'"));
        CHECK(answer.body.find(part) != std::string::npos);
    }
}

TEST_CASE("every visitor gets a number of its own", "[cluster][board]")
{
    cluster const it{BOARD, 2, {"--dispatch", "round_robin"}};
    constexpr int threads = 8;
    constexpr int visits = 100;
    std::vector<std::vector<int>> numbers(threads);
    std::vector<std::thread> visitors;
    for (auto& mine : numbers)
        visitors.emplace_back([&] {
            auto client = it.connect();
            for (int i = 0; i < visits; ++i)
                mine.push_back(std::stoi(ask(client, "GET", "/visits").body));
        });
    for (auto& one : visitors)
        one.join();
    std::set<int> all;
    for (auto const& mine : numbers)
        all.insert(mine.begin(), mine.end());
    CHECK(all.size() == threads * visits);
    CHECK(*all.begin() == 1);
    CHECK(*all.rbegin() == threads * visits);
}

TEST_CASE("what one worker writes all the others read", "[cluster][board]")
{
    cluster const it{BOARD, 3};
    auto clients = it.one_on_each(3);
    for (std::size_t writer = 0; writer < clients.size(); ++writer) {
        auto const path = "/scores/player" + std::to_string(writer);
        CHECK(ask(clients[writer], "PUT", path, "5").status == 204);
        for (auto& reader : clients)
            CHECK(ask(reader, "GET", path).body == "5");
        for (auto& adder : clients)
            ask(adder, "POST", path, "-1");
        CHECK(ask(clients[0], "GET", path).body == "2");
        CHECK(ask(clients[(writer + 1) % 3], "DELETE", path).status == 204);
        for (auto& reader : clients)
            CHECK(ask(reader, "GET", path).status == 404);
    }
}

TEST_CASE("a score is put, added to, read and deleted", "[cluster][board]")
{
    cluster const it{BOARD, 2};
    CHECK(it.ask("GET", "/scores").body == "{}");
    CHECK(it.ask("GET", "/scores/anna").status == 404);
    CHECK(it.ask("PUT", "/scores/anna", "5").status == 204);
    auto const read = it.ask("GET", "/scores/anna");
    CHECK(read.status == 200);
    CHECK(read.body == "5");
    CHECK(read.header("Content-Type") == "text/plain; charset=utf-8");
    CHECK(it.ask("POST", "/scores/anna", "+3").body == "8");
    CHECK(it.ask("POST", "/scores/anna", "-10").body == "-2");
    CHECK(it.ask("POST", "/scores/bert", "7").body == "7");    // from nothing
    CHECK(it.ask("PUT", "/scores/anna", "6\n").status == 204); // as echo writes it
    CHECK(it.ask("PUT", "/scores/carl", "-0\r\n").status == 204);
    auto const all = it.ask("GET", "/scores");
    CHECK(all.header("Content-Type") == "application/json");
    CHECK(all.body == R"({"anna":6,"bert":7,"carl":0})");
    CHECK(it.ask("DELETE", "/scores/anna").status == 204);
    CHECK(it.ask("DELETE", "/scores/anna").status == 404);
    CHECK(it.ask("GET", "/scores").body == R"({"bert":7,"carl":0})");
}

TEST_CASE("a body that is no whole number of 64 bits is refused", "[cluster][board]")
{
    cluster const it{BOARD, 1};
    auto client = it.connect();
    CHECK(ask(client, "PUT", "/scores/anna", "9223372036854775807").status == 204);
    for (auto const* method : {"PUT", "POST"})
        for (auto const* body : {"", "x", "1.5", " 1", "1 ", "1\n\n", "\n", "+", "-", "--1", "+-1",
                                 "0x1", "1e3", "9223372036854775808", "-9223372036854775809"}) {
            INFO(method << " '" << body << "'");
            auto const answer = ask(client, method, "/scores/anna", body);
            CHECK(answer.status == 400);
            CHECK(answer.body == "send a whole number of 64 bits as the body, such as 5 or -3\n");
        }
    auto const over = ask(client, "POST", "/scores/anna", "1");
    CHECK(over.status == 400);
    CHECK(over.body == "the sum would leave 64 bits; nothing was added\n");
    CHECK(ask(client, "GET", "/scores/anna").body == "9223372036854775807");
}

TEST_CASE("a player's name is 1 to 32 bytes of UTF-8", "[cluster][board]")
{
    cluster const it{BOARD, 1};
    std::string const longest(32, 'a');
    struct row
    {
        std::string encoded;
        std::string json; // empty: refused
    };
    for (auto const& [encoded, json] :
         {row{longest, '"' + longest + '"'}, row{longest + "a", ""},
          row{"%C5%81ucja", "\"\xc5\x81ucja\""}, row{"a%2Fb", R"("a\/b")"},
          row{"%22%5C%0A%00", R"("\"\\\n\u0000")"}, row{"%FF", ""}, row{"%C0%AF", ""},
          row{"%ED%A0%80", ""}, row{"%C5", ""}, row{"%zz", ""}, row{"", ""}}) {
        INFO(encoded);
        auto const path = "/scores/" + encoded;
        auto const status = it.ask("PUT", path, "1").status;
        if (json.empty()) {
            CHECK((status == 400 || (encoded.empty() && status == 404)));
            continue;
        }
        CHECK(status == 204);
        auto const plain = R"({"a/b":1})"; // a solidus may be escaped or not
        auto const all = it.ask("GET", "/scores").body;
        CHECK((all == "{" + json + ":1}" || all == plain));
        CHECK(it.ask("DELETE", path).status == 204);
    }
}

TEST_CASE("a full board says so and goes on", "[cluster][board]")
{
    cluster const it{BOARD, 2};
    auto client = it.connect();
    int players = 0;
    unsigned status = 204;
    for (; players < 10'000 && status == 204; ++players)
        status = ask(client, "PUT", "/scores/p" + std::to_string(players), "1").status;
    CHECK(status == 507);
    CHECK(players == 1'001);
    CHECK(ask(client, "POST", "/scores/new", "1").status == 507);
    CHECK(ask(client, "PUT", "/scores/p7", "2").status == 204); // a row that is there
    CHECK(ask(client, "DELETE", "/scores/p8").status == 204);
    CHECK(ask(client, "POST", "/scores/new", "1").status == 200);
    CHECK(ask(client, "PUT", "/scores/newer", "1").status == 507);
}

TEST_CASE("a worker says who it is", "[cluster][board]")
{
    cluster const it{BOARD, 2};
    auto clients = it.one_on_each(2);
    std::set<std::string> seats;
    for (auto& client : clients) {
        auto const answer = ask(client, "GET", "/whoami");
        CHECK(answer.header("Content-Type") == "application/json");
        auto const pid = "{\"pid\":" + std::to_string(worker_of(answer)) + ",\"worker\":";
        CHECK(answer.body.starts_with(pid));
        CHECK(answer.body.ends_with(",\"generation\":0}"));
        seats.insert(answer.body.substr(answer.body.find("\"seat\":"), 8));
    }
    CHECK(seats == std::set<std::string>{"\"seat\":0", "\"seat\":1"});
    CHECK(it.ask("GET", "/healthz").body == "ok");
    CHECK(it.ask("GET", "/nowhere").status == 404);
    CHECK(it.ask("PATCH", "/scores/anna", "1").status == 405);
}

} // namespace board_test
