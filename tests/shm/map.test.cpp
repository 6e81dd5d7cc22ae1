#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <boost/describe/class.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/text.hpp>
#include <map>
#include <random>
#include <set>
#include <string>

namespace {

struct member_row
{
    covey::text<20> name;
    std::uint8_t level = 0;
    std::int64_t joined = 0;
    friend bool operator==(member_row const&, member_row const&) = default;
};
BOOST_DESCRIBE_STRUCT(member_row, (), (name, level, joined))

struct players : covey::state
{
    covey::map<covey::text<16>, std::int64_t> scores{*this, "scores", covey::capacity{100}};
    covey::map<std::uint32_t, member_row> members{*this, "members", covey::capacity{1000}};
};

using cluster = covey::test::test_segment<players>;
using covey::erase_result;
using covey::put_result;

} // namespace

TEST_CASE("a row that one worker puts is read by another with the same revision")
{
    cluster both{2};
    auto const one = both.join(0);
    auto const other_mapping = both.attach();
    covey::test::member<players> two{other_mapping, 1, both.bells};

    auto const put = one->view.scores.put("alice", 7);
    REQUIRE(put == put_result::stored);
    auto const found = two.view.scores.find("alice");
    REQUIRE(found);
    CHECK(found->row == 7);
    CHECK(found->revision == put.revision);
    CHECK(two.view.scores.size() == 1);
}

TEST_CASE("a key that nobody put is missing")
{
    cluster one{1};
    auto const me = one.join(0);
    CHECK_FALSE(me->view.scores.get("nobody"));
    CHECK(me->view.scores.erase("nobody") == erase_result::missing);
    CHECK(me->view.scores.compare_and_set("nobody", 1, 5) == put_result::missing);
}

TEST_CASE("add stores only when there is no row and changes no revision otherwise")
{
    cluster one{1};
    auto const me = one.join(0);
    auto const first = me->view.scores.add("a", 1);
    CHECK(first == put_result::stored);
    auto const second = me->view.scores.add("a", 2);
    CHECK(second == put_result::exists);
    CHECK(second.revision == first.revision);
    CHECK(me->view.scores.get("a") == 1);
    CHECK(one.memory.revision() == first.revision);
}

TEST_CASE("compare-and-set stores on the right revision and tells the current one on a stale one")
{
    cluster one{1};
    auto const me = one.join(0);
    auto const first = me->view.scores.put("a", 1);
    auto const second = me->view.scores.compare_and_set("a", first.revision, 2);
    CHECK(second == put_result::stored);
    auto const stale = me->view.scores.compare_and_set("a", first.revision, 3);
    CHECK(stale == put_result::conflict);
    CHECK(stale.revision == second.revision);
    CHECK(me->view.scores.get("a") == 2);
}

TEST_CASE("an erased row is missing for everybody and a second erase finds nothing")
{
    cluster both{2};
    auto const one = both.join(0);
    auto const two = both.join(1);
    auto const put = one->view.scores.put("a", 1);
    auto const gone = two->view.scores.erase("a");
    CHECK(gone == erase_result::erased);
    CHECK(gone.revision > put.revision);
    CHECK_FALSE(one->view.scores.get("a"));
    CHECK(one->view.scores.erase("a") == erase_result::missing);
    CHECK(one->view.scores.size() == 0);
}

TEST_CASE("an update sees the row as it is and may leave it")
{
    cluster one{1};
    auto const me = one.join(0);
    auto const add = [&](std::int64_t much) {
        return me->view.scores.update("a", [=](std::optional<std::int64_t> const& now) {
            return std::optional{now.value_or(0) + much};
        });
    };
    CHECK(add(5) == put_result::stored);
    CHECK(add(-2) == put_result::stored);
    CHECK(me->view.scores.get("a") == 3);
    auto const kept =
        me->view.scores.update("a", [](auto const&) { return std::optional<std::int64_t>{}; });
    CHECK(kept == put_result::unchanged);
    CHECK_THROWS_AS(me->view.scores.update("a",
                                           [](auto const&) -> std::optional<std::int64_t> {
                                               throw std::runtime_error{"no"};
                                           }),
                    std::runtime_error);
    CHECK(me->view.scores.get("a") == 3);
    CHECK(add(1) == put_result::stored); // the lock was given back
}

TEST_CASE("a key longer than its text is too long and touches nothing")
{
    cluster one{1};
    auto const me = one.join(0);
    std::string const seventeen(17, 'x');
    CHECK(me->view.scores.put(seventeen, 1) == put_result::too_long);
    CHECK_FALSE(me->view.scores.get(seventeen));
    CHECK(me->view.scores.erase(seventeen) == erase_result::missing);
    CHECK(one.memory.revision() == 0);
    CHECK(me->view.scores.put(std::string(16, 'x'), 1) == put_result::stored);
}

TEST_CASE("a map for N rows holds N rows whatever the keys, and says full for one more")
{
    auto const seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random{seed};
    cluster one{1};
    auto const me = one.join(0);
    auto& scores = me->view.scores;
    for (int set = 0; set != 50; ++set) {
        std::set<std::string> keys;
        while (keys.size() != 100) // clustered sets share a prefix, random ones do not
            keys.insert(set % 2 ? "k" + std::to_string(random() % 150) : std::to_string(random()));
        for (auto const& key : keys)
            REQUIRE(scores.put(key, 1) == put_result::stored);
        REQUIRE(scores.put("one more", 1) == put_result::full);
        REQUIRE(scores.update("one more", [](auto const&) {
            return std::optional<std::int64_t>{1};
        }) == put_result::full);
        REQUIRE(scores.put(*keys.begin(), 2) == put_result::stored); // an update needs no room
        REQUIRE(scores.size() == 100);
        for (auto const& key : keys)
            REQUIRE(scores.erase(key) == erase_result::erased);
        REQUIRE(scores.size() == 0);
    }
}

TEST_CASE("a long random history leaves what a std::map would hold")
{
    auto const seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937 random{seed};
    cluster one{1};
    auto const me = one.join(0);
    auto& members = me->view.members;
    std::map<std::uint32_t, member_row> model;
    for (int step = 0; step != 20'000; ++step) {
        std::uint32_t const key = random() % 1500;
        member_row const row{.name = std::to_string(step),
                             .level = static_cast<std::uint8_t>(random()),
                             .joined = step};
        if (random() % 3 == 0) {
            bool const was = model.erase(key) == 1;
            REQUIRE((members.erase(key) == erase_result::erased) == was);
        } else {
            bool const room = model.contains(key) || model.size() < 1000;
            REQUIRE(members.put(key, row) == (room ? put_result::stored : put_result::full));
            if (room)
                model[key] = row;
        }
    }
    std::map<std::uint32_t, member_row> seen;
    members.for_each([&](std::uint32_t key, member_row const& row, std::uint64_t) {
        REQUIRE(seen.emplace(key, row).second);
    });
    CHECK(seen == model);
    CHECK(members.size() == model.size());
}

TEST_CASE("padding and the unused rest of a row are zero in shared memory")
{
    cluster one{1};
    auto const me = one.join(0);
    member_row noisy;
    std::memset(static_cast<void*>(&noisy), 0xff, sizeof noisy);
    noisy.name = "n";
    noisy.level = 1;
    noisy.joined = 2;
    std::array<std::uint64_t, covey::detail::words_of<member_row>> words;
    covey::detail::to_words(noisy, words.data());
    auto const* bytes = reinterpret_cast<unsigned char const*>(words.data());
    std::size_t ones = 0;
    for (std::size_t i = 0; i != sizeof words; ++i)
        ones += bytes[i] == 0xff;
    CHECK(ones == 0);
}
