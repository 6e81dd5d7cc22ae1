// Sessions of clients, in a map of the state, as two workers see it.
#include <covey/worker/http/session_store.hpp>

#include "support/catch.hpp"
#include "support/test_segment.hpp"
#include "support/wait_until.hpp"

#include <boost/describe/class.hpp>
#include <set>
#include <string>

namespace session_store_test {

namespace http = covey::http;
using covey::put_result;
using covey::test::wait_until;
using namespace std::chrono_literals;

namespace {

struct visitor
{
    covey::text<20> user;
    std::uint32_t visits = 0;
};
BOOST_DESCRIBE_STRUCT(visitor, (), (user, visits))

struct shop : covey::state
{
    covey::map<covey::text<32>, visitor> sessions{*this, "sessions", covey::capacity{10},
                                                  covey::retention{.expires = true}};
};

// The id that an answer gives to its client; "" for one that takes it away.
std::string given(http::response const& answer)
{
    std::string const line{answer.header("set-cookie")};
    auto const begin = line.find('=') + 1;
    return line.substr(begin, line.find(';') - begin);
}

http::request with(std::string const& id)
{
    http::request asked;
    asked.fields.emplace_back("Cookie", "__Host-session=" + id);
    return asked;
}

} // namespace

TEST_CASE("a session that one worker begins is found by another", "[worker][sessions]")
{
    covey::test::test_segment<shop> memory{2};
    auto const here = memory.join(0);
    auto const there = memory.join(1);
    http::session_store<visitor> mine{here->view.sessions};
    http::session_store<visitor> other{there->view.sessions};

    http::response answer;
    CHECK(mine.begin(answer, {.user = "anna"}).stored());
    CHECK(std::string{answer.header("set-cookie")}.ends_with(
        "; Path=/; Max-Age=1800; SameSite=Lax; HttpOnly; Secure"));
    auto const asked = with(given(answer));
    auto const found = other.find(asked);
    REQUIRE(found);
    CHECK(found->row.user == "anna");
    CHECK(found->id == given(answer));

    CHECK(other.update(asked, [](visitor& now) { ++now.visits; }).stored());
    CHECK(mine.find(asked)->row.visits == 1);

    http::response last;
    mine.end(asked, last);
    CHECK(given(last).empty());
    CHECK(!other.find(asked));
    CHECK(other.update(asked, [](visitor& now) { ++now.visits; }) == put_result::missing);
    CHECK(here->view.sessions.size() == 0);
}

TEST_CASE("an id that was not given out is no session", "[worker][sessions]")
{
    covey::test::test_segment<shop> memory{1};
    auto const here = memory.join(0);
    http::session_store<visitor> store{here->view.sessions};
    for (auto const& id : {std::string{}, std::string(32, 'a'), std::string(31, 'a'),
                           std::string(33, 'a'), std::string(32, 'A'), std::string(32, 'g')}) {
        CHECK(!store.find(with(id)));
        CHECK(store.update(with(id), [](visitor&) {}) == put_result::missing);
    }
    CHECK(!store.find(http::request{}));
    CHECK(here->view.sessions.size() == 0);

    std::set<std::string> ids;
    for (int i = 0; i < 10'000; ++i)
        ids.insert(http::random_id());
    CHECK(ids.size() == 10'000);
    CHECK(http::is_random_id(*ids.begin()));
}

TEST_CASE("a full store takes no session and tells no client of one", "[worker][sessions]")
{
    covey::test::test_segment<shop> memory{1};
    auto const here = memory.join(0);
    http::session_store<visitor> store{here->view.sessions};
    for (std::uint64_t i = 0; i < here->view.sessions.capacity(); ++i) {
        http::response answer;
        CHECK(store.begin(answer, {}).stored());
    }
    http::response answer;
    CHECK(store.begin(answer, {}) == put_result::full);
    CHECK(answer.fields.empty());
}

TEST_CASE("a session lives on by requests and ends without them", "[worker][sessions]")
{
    covey::test::test_segment<shop> memory{1};
    auto const here = memory.join(0);
    http::session_store<visitor> store{here->view.sessions, {.lives = 1s}};
    http::response answer;
    REQUIRE(store.begin(answer, {.user = "b"}).stored());
    auto const asked = with(given(answer));
    auto const begun = std::chrono::steady_clock::now();
    auto last_seen = begun;
    // As long as the machine lets this thread look often enough, it is there.
    while (std::chrono::steady_clock::now() - begun < 2500ms) {
        auto const looked = std::chrono::steady_clock::now();
        auto const found = store.find(asked);
        if (looked - last_seen > 800ms)
            break; // this machine is too busy to tell
        REQUIRE(found);
        last_seen = looked;
        std::this_thread::sleep_for(20ms);
    }
    CHECK(wait_until([&] { return !here->view.sessions.contains(given(answer)); }));
    CHECK(!store.find(asked));
}

TEST_CASE("a request that finds its session is a write now and then only", "[worker][sessions]")
{
    covey::test::test_segment<shop> memory{1};
    auto const here = memory.join(0);
    http::session_store<visitor> store{here->view.sessions};
    http::response answer;
    REQUIRE(store.begin(answer, {}).stored());
    auto const asked = with(given(answer));
    static_cast<void>(store.find(asked));
    auto const before = store.find(asked)->revision;
    for (int i = 0; i < 100; ++i)
        CHECK(store.find(asked)->revision == before);
}

} // namespace session_store_test
