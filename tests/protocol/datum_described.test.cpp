// Structs as data, and back; and data that are no such struct.
#include <covey/protocol/datum_described.hpp>

#include "support/catch.hpp"

#include <boost/describe/class.hpp>
#include <covey/protocol/datum_codec.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace datum_described_test {

using namespace covey;

namespace {

struct stamped
{
    std::int64_t at = 0;
    bool operator==(stamped const&) const = default;
};
BOOST_DESCRIBE_STRUCT(stamped, (), (at))

struct score : stamped
{
    std::string player;
    std::uint32_t points = 0;
    bool operator==(score const&) const = default;
};
BOOST_DESCRIBE_STRUCT(score, (stamped), (player, points))

struct board
{
    std::string name;
    std::vector<score> scores;
    std::vector<bool> won;
    std::optional<score> best;
    std::optional<std::string> motto;
    double average = 0;
    bool open = false;
    datum::bytes picture;
    datum anything;
    std::uint8_t small = 0;
    bool operator==(board const&) const = default;
};
BOOST_DESCRIBE_STRUCT(board, (),
                      (name, scores, won, best, motto, average, open, picture, anything, small))

struct empty
{};
BOOST_DESCRIBE_STRUCT(empty, (), ())

score made(std::string player, std::uint32_t points)
{
    score out;
    out.at = -7;
    out.player = std::move(player);
    out.points = points;
    return out;
}

board full()
{
    return {.name = "chess",
            .scores = {made("anna", 3), made("ben", std::numeric_limits<std::uint32_t>::max())},
            .won = {true, false, true},
            .best = made("anna", 3),
            .motto = {},
            .average = 2.5,
            .open = true,
            .picture = {0, 255, 1},
            .anything = datum::map{{1, nullptr}},
            .small = 255};
}

std::string wrong_with(datum const& from)
{
    auto const read = from_datum<score>(from);
    return read ? "" : read.error().text;
}

} // namespace

TEST_CASE("a described struct is a map with its members' names as keys", "[datum]")
{
    CHECK((to_datum(made("anna", 3)) ==
           datum{datum::map{{"at", -7}, {"player", "anna"}, {"points", 3}}}));
    CHECK((to_datum(empty{}) == datum{datum::map{}}));
    CHECK((to_datum(std::vector<int>{1, 2}) == datum{datum::array{1, 2}}));
    CHECK(to_datum(full())["motto"].is_nil());
    CHECK(to_datum(full())["picture"].what() == datum::type::bytes);
}

TEST_CASE("a described struct comes back from its bytes as it was", "[datum]")
{
    for (auto const& value : {full(), board{}}) {
        auto const bytes = protocol::encode_datum(to_datum(value));
        REQUIRE(bytes.has_value());
        auto const said = protocol::decode_datum(*bytes);
        REQUIRE(said.has_value());
        auto const back = from_datum<board>(*said);
        REQUIRE(back.has_value());
        CHECK((*back == value));
    }
    CHECK(from_datum<empty>(datum::map{}).has_value());
    CHECK((from_datum<std::vector<int>>(datum::array{1, 2}).value() == std::vector<int>{1, 2}));
}

TEST_CASE("keys that a struct has not are ignored, and the first of a doubled one counts",
          "[datum]")
{
    auto const read = from_datum<score>(datum::map{{"since", "never"},
                                                   {"points", 3},
                                                   {7, 7},
                                                   {"at", 1},
                                                   {"points", "four"},
                                                   {"player", "anna"}});
    REQUIRE(read.has_value());
    CHECK(read->points == 3);
    CHECK(read->player == "anna");
}

TEST_CASE("what is missing, or is something else, is an error that names it", "[datum]")
{
    CHECK(wrong_with(datum::map{{"at", 1}, {"player", "anna"}}) == "points is missing");
    CHECK(wrong_with(datum::map{}) == "at is missing");
    CHECK(wrong_with("anna") == "it is \"anna\", not a map");
    CHECK(wrong_with(nullptr).ends_with(", not a map"));
    CHECK(wrong_with(datum::map{{"at", 1}, {"player", "anna"}, {"points", -1}}) ==
          "points is -1, not an integer from 0 to 4294967295");
    CHECK(wrong_with(datum::map{{"at", 1}, {"player", 5}, {"points", 1}}) ==
          "player is 5, not a string");

    auto deep = to_datum(full()).as<datum::map>().value();
    deep.at(1).second = datum::array{to_datum(made("anna", 3)), datum::map{{"at", 1}}};
    CHECK(from_datum<board>(deep).error().text == "scores[1].player is missing");
    deep.at(1).second = datum::map{};
    CHECK(from_datum<board>(deep).error().text == "scores is {}, not an array");
    CHECK_THROWS_AS(from_datum<board>(deep).value(), std::invalid_argument);
}

TEST_CASE("an optional member may be nil or not there, and nothing else", "[datum]")
{
    auto members = to_datum(full()).as<datum::map>().value();
    REQUIRE(members.at(3).first == datum{"best"});
    members.at(3).second = nullptr;
    CHECK(from_datum<board>(members).value().best == std::nullopt);
    members.at(3).second = "anna";
    CHECK(from_datum<board>(members).error().text == "best is \"anna\", not a map");
    members.erase(members.begin() + 3);
    CHECK(from_datum<board>(members).value().best == std::nullopt);
}

} // namespace datum_described_test
