// Server-sent events from any worker about the changes of all of them.
#include "cluster.hpp"

namespace events_test {

using namespace covey::test;

namespace {

// One listener on /events.
struct listener
{
    listener(cluster const& it, std::string const& last_id = "",
             std::string const& path = "/events")
        : client{it.connect()}
    {
        client.send(request_text("GET", path, "",
                                 last_id.empty() ? "" : "Last-Event-ID: " + last_id + "\r\n"));
        head = client.read(true);
        REQUIRE(head.status == 200);
        REQUIRE(head.header("Content-Type") == "text/event-stream");
    }
    pid_t worker() const { return worker_of(head); }
    bool hears(std::string const& text) { return client.read_until(text); }
    std::string const& heard() const { return client.received(); }

    http_client client;
    http_response head;
};

std::string score(std::uint64_t id, std::string const& data)
{
    return "id: " + std::to_string(id) + "\nevent: score\ndata: " + data + "\n\n";
}

// Listeners on different workers.
std::pair<listener, listener> two_listeners(cluster const& it)
{
    listener first{it};
    for (int tries = 0; tries < 100; ++tries)
        if (listener second{it}; second.worker() != first.worker())
            return {std::move(first), std::move(second)};
    throw std::runtime_error{"every connection falls to one worker"};
}

} // namespace

TEST_CASE("a change is told by every worker, once, in the order of revisions", "[cluster][events]")
{
    cluster const it{BOARD, 2, {"--dispatch", "round_robin"}};
    auto [first, second] = two_listeners(it);
    auto writers = it.one_on_each(2);
    ask(writers[0], "PUT", "/scores/anna", "5");
    ask(writers[1], "POST", "/scores/anna", "-7");
    ask(writers[0], "PUT", "/scores/%22bert%22", "1");
    ask(writers[1], "DELETE", "/scores/anna");
    for (auto* one : {&first, &second}) {
        CHECK(one->hears("null}\n\n"));
        auto const text = one->heard();
        CHECK(text.substr(text.find("id: ")) ==
              score(1, R"({"player":"anna","points":5})") +
                  score(2, R"({"player":"anna","points":-2})") +
                  score(3, R"({"player":"\"bert\"","points":1})") +
                  score(4, R"({"player":"anna","points":null})"));
    }
}

TEST_CASE("a new listener is told what happens next, and a page the board as it is",
          "[cluster][events]")
{
    cluster const it{BOARD, 2, {"--dispatch", "round_robin"}};
    auto early = two_listeners(it);
    it.ask("PUT", "/scores/anna", "5");
    it.ask("PUT", "/scores/bert", "6");
    it.ask("PUT", "/scores/anna", "7");
    it.ask("DELETE", "/scores/bert");
    CHECK(early.first.hears("id: 4\n")); // both workers have been told
    CHECK(early.second.hears("id: 4\n"));
    auto plain = two_listeners(it);
    listener page{it, "", "/events?page"};
    CHECK(page.hears(R"({"player":"anna","points":7})"));
    CHECK(page.hears("event: worker\ndata: {\"pid\":" + std::to_string(page.worker())));
    it.ask("PUT", "/scores/carl", "8");
    auto const next = score(5, R"({"player":"carl","points":8})");
    CHECK(page.hears(next));
    for (auto* one : {&plain.first, &plain.second}) {
        CHECK(one->hears(next));
        CHECK(one->heard().find("anna") == std::string::npos);
        CHECK(one->heard().find("reset") == std::string::npos);
    }
}

TEST_CASE("a listener whose worker was killed resumes at another where it was", "[cluster][events]")
{
    cluster it{BOARD, 2, {"--dispatch", "round_robin"}};
    auto [first, second] = two_listeners(it);
    it.ask("PUT", "/scores/anna", "1");
    CHECK(first.hears("id: 1\n"));
    CHECK(second.hears("id: 1\n"));
    ::kill(first.worker(), SIGKILL);
    CHECK_FALSE(first.hears("id: 2\n")); // the connection ends
    REQUIRE(wait_until([&] { return it.has_logged("worker 3 is ready"); }));
    it.ask("PUT", "/scores/bert", "2");
    it.ask("DELETE", "/scores/anna");
    CHECK(second.hears("id: 3\n"));

    // The other old worker remembers: exactly what was missed.
    auto resumed = listener{it, "1"};
    while (resumed.worker() != second.worker())
        resumed = listener{it, "1"};
    CHECK(resumed.hears("id: 3\nevent: score\ndata: {\"player\":\"anna\",\"points\":null}\n\n"));
    auto const text = resumed.heard();
    CHECK(text.substr(text.find("id: ")) == score(2, R"({"player":"bert","points":2})") +
                                                score(3, R"({"player":"anna","points":null})"));

    // A worker that came after revision 2 can only tell all there is; this one came before it.
    auto anew = listener{it, "0"};
    while (anew.worker() == second.worker())
        anew = listener{it, "0"};
    CHECK(anew.hears("\"points\":2}\n\n"));
    CHECK(anew.heard().find("event: reset\n") != std::string::npos);
    it.ask("PUT", "/scores/carl", "3");
    for (auto* one : {&second, &resumed, &anew})
        CHECK(one->hears(score(4, R"({"player":"carl","points":3})")));
}

} // namespace events_test
