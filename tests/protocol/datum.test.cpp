// Any msgpack value, out and in; and bytes that are none.
#include "support/catch.hpp"
#include "support/seed.hpp"

#include <cmath>
#include <covey/protocol/datum_codec.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace datum_test {

using namespace covey;
using namespace covey::protocol;

namespace {

using raw = std::vector<unsigned char>;

datum random_datum(std::mt19937_64& random, int depth)
{
    switch (random() % (depth > 0 ? 10 : 8)) {
    case 0:
        return nullptr;
    case 1:
        return random() % 2 == 0;
    case 2:
        return static_cast<std::int64_t>(random() >> (random() % 64)) * (random() % 2 ? 1 : -1);
    case 3:
        return random() >> (random() % 64);
    case 4:
        return std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 100);
    case 5:
        return std::string(random() % 300, static_cast<char>('a' + random() % 26));
    case 6:
        return datum::bytes(random() % 300, static_cast<unsigned char>(random()));
    case 7:
        return datum::extension{static_cast<std::int8_t>(random() % 256),
                                datum::bytes(random() % 20, 'e')};
    case 8: {
        datum::array items;
        for (auto count = random() % 20; count > 0; --count)
            items.push_back(random_datum(random, depth - 1));
        return items;
    }
    default: {
        datum::map members;
        for (auto count = random() % 20; count > 0; --count)
            members.emplace_back(random_datum(random, 0), random_datum(random, depth - 1));
        return members;
    }
    }
}

} // namespace

TEST_CASE("any value comes back as it was", "[datum]")
{
    auto const seed = test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    for (int i = 0; i < 2'000; ++i) {
        datum const value = random_datum(random, 3);
        auto const bytes = encode_datum(value);
        REQUIRE(bytes);
        auto const back = decode_datum(*bytes);
        REQUIRE(back);
        CHECK((*back == value));
    }
}

TEST_CASE("a datum is read as what it is, and as nothing else", "[datum]")
{
    datum const said =
        datum::map{{"name", "anna"}, {"points", 300}, {"list", datum::array{1, 2.5}}};
    CHECK(said["points"].as<int>() == 300);
    CHECK_FALSE(said["points"].as<std::uint8_t>()); // out of range
    CHECK(said["points"].as<double>() == 300.0);
    CHECK_FALSE(said["points"].as<bool>());
    CHECK(said["name"].as<std::string_view>() == "anna");
    CHECK_FALSE(said["name"].as<int>());
    CHECK(said["list"][1].as<double>() == 2.5);
    CHECK(said["list"][2].is_nil());
    CHECK(said["nobody"]["at all"].is_nil());
    CHECK(datum{5} == datum{5u});
    CHECK(datum{-1}.as<std::uint64_t>() == std::nullopt);
    CHECK(datum{std::numeric_limits<std::uint64_t>::max()}.as<std::int64_t>() == std::nullopt);
    CHECK(to_text(said) == R"({"name": "anna", "points": 300, "list": [1, 2.5]})");
    CHECK(to_text(std::string(1'000, 'x')).size() == 203);
}

TEST_CASE("bytes that are not one msgpack value are refused", "[datum]")
{
    for (raw const& bytes : {raw{}, raw{0xc1}, raw{0x91}, raw{0x01, 0x02}, raw{0xa5, 'a'},
                             raw{0xdd, 0xff, 0xff, 0xff, 0xff}, raw{0xdf, 0xff, 0xff, 0xff, 0xff},
                             raw{0xdb, 0xff, 0xff, 0xff, 0xff}, raw(1'000'000, 0x91)})
        CHECK_FALSE(decode_datum(bytes));
}

TEST_CASE("values are 64 deep and no deeper", "[datum]")
{
    raw bytes(64, 0x91);
    bytes.push_back(0xc0);
    auto const deep = decode_datum(bytes);
    REQUIRE(deep);
    CHECK(encode_datum(*deep) == bytes);
    bytes.insert(bytes.begin(), 0x91);
    CHECK_FALSE(decode_datum(bytes));
    CHECK_FALSE(encode_datum(datum::array{*deep}));
}

} // namespace datum_test
