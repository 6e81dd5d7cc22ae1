// Types read back from their names: layouts, rows, keys, whole schemas; and what is refused.
#include "support/catch.hpp"
#include "support/every_kind.hpp"
#include "support/seed.hpp"

#include <covey/shm/row_type.hpp>
#include <limits>
#include <vector>

namespace row_type_test {

using covey::row_type;
using covey::row_value;
using covey::schema;
using covey::to_json;

namespace {

template <class T>
std::vector<std::byte> bytes_of(T const& value)
{
    std::vector<std::byte> out(8 * covey::detail::words_of<T>);
    std::array<std::uint64_t, covey::detail::words_of<T>> words;
    covey::detail::to_words(value, words.data());
    std::memcpy(out.data(), words.data(), out.size());
    return out;
}

std::string refused(std::string const& name)
{
    try {
        row_type::parse(name);
        return {};
    } catch (std::invalid_argument const& failed) {
        return failed.what();
    }
}

std::string refused_schema(std::string const& text)
{
    try {
        schema::parse(text);
        return {};
    } catch (std::invalid_argument const& failed) {
        return failed.what();
    }
}

template <class T>
void has_its_layout()
{
    auto const name = covey::detail::shared_type<T>::name();
    CAPTURE(name);
    auto const type = row_type::parse(name);
    CHECK(type.size == sizeof(T));
    CHECK(type.alignment == alignof(T));
    CHECK(type.name() == name);
}

} // namespace

TEST_CASE("a type's name tells its size and alignment, and is what the type says again")
{
    has_its_layout<bool>();
    has_its_layout<std::int8_t>();
    has_its_layout<std::uint64_t>();
    has_its_layout<float>();
    has_its_layout<covey::test::mood>();
    has_its_layout<covey::text<1>>();
    has_its_layout<covey::text<2>>();
    has_its_layout<covey::text<65'534>>();
    has_its_layout<covey::bytes<7>>();
    has_its_layout<std::array<std::int16_t, 3>>();
    has_its_layout<std::array<covey::text<3>, 3>>();
    has_its_layout<covey::inplace_vector<std::uint8_t, 5>>();
    has_its_layout<covey::inplace_vector<double, 5>>();
    has_its_layout<covey::inplace_vector<covey::test::point, 2>>();
    has_its_layout<std::optional<std::int32_t>>();
    has_its_layout<std::optional<covey::test::point>>();
    has_its_layout<std::optional<std::array<std::uint16_t, 3>>>();
    has_its_layout<std::array<std::optional<std::uint16_t>, 3>>();
    has_its_layout<covey::test::person>();
}

TEST_CASE("a structure's members lie where the compiler puts them")
{
    using covey::test::person;
    auto const type = row_type::parse(covey::detail::shared_type<person>::name());
    REQUIRE(type.members.size() == 11);
    CHECK(type.members[1].name == "age");
    CHECK(type.members[1].offset == offsetof(person, age));
    CHECK(type.members[3].offset == offsetof(person, here));
    CHECK(type.members[6].offset == offsetof(person, numbers));
    CHECK(type.members[9].offset == offsetof(person, large));
    CHECK(type.members[10].offset == offsetof(person, share));
}

TEST_CASE("a row reads as the value it was made from, and is written as the same bytes")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    using covey::test::person;
    auto const type = row_type::parse(covey::detail::shared_type<person>::name());
    for (int i = 0; i != 200; ++i) {
        auto const one = covey::test::random_person(random);
        auto const bytes = bytes_of(one);
        auto const read = type.read(bytes.data());
        CHECK(*read["name"].as<std::string>() == one.name.view());
        CHECK(*read["age"].as<std::int64_t>() == one.age);
        CHECK(read["feels"].as<row_value::enumerator>()->name ==
              (one.feels == covey::test::mood::busy ? "busy" : ""));
        CHECK(read["large"] == row_value::of(one.large));
        CHECK(read["score"].is_null() == !one.score.has_value());
        CHECK(read["numbers"].as<row_value::list>()->size() == one.numbers.size());
        std::vector<std::byte> again(bytes.size());
        std::string why;
        REQUIRE(type.write(read, again.data(), why));
        CHECK(again == bytes);
    }
}

TEST_CASE("random bytes read as some row of the type, and no length leads out of it")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const type = row_type::parse(covey::detail::shared_type<covey::test::person>::name());
    std::vector<std::byte> bytes(type.size);
    for (int i = 0; i != 1000; ++i) {
        for (auto& byte : bytes)
            byte = static_cast<std::byte>(random());
        auto const read = type.read(bytes.data());
        CHECK(read["name"].as<std::string>()->size() <= 48);
        CHECK(read["numbers"].as<row_value::list>()->size() <= 3);
        CHECK(to_json(read).front() == '{');
    }
}

TEST_CASE("a name that is no type is refused with the column and what was expected")
{
    CHECK(refused("") == "column 1: expected a type");
    CHECK(refused("i65") == "column 1: expected a type");
    CHECK(refused("i64x") == "column 4: expected the end of the type");
    CHECK(refused("text<>") == "column 6: expected a number from 1 to 65536");
    CHECK(refused("text<0>") != "");
    CHECK(refused("text<9") == "column 7: expected \">\"");
    CHECK(refused("text<65535>") != "");
    CHECK(refused("{}") == "column 2: expected a name");
    CHECK(refused("{a:i8,}") == "column 7: expected a name");
    CHECK(refused("{a i8}") == "column 3: expected \":\"");
    CHECK(refused("{a:{b:i8}") == "column 10: expected \"}\"");
    CHECK(refused("i64[8193]") == "column 10: expected a type of at most 65536 bytes");
    CHECK(refused("i64[99999999999999999999]") != "");
    CHECK(refused("i64[-1]") != "");
    CHECK(refused("enum:f32") != "");
    CHECK(refused("enum:u8(a)") != "");
    CHECK(refused(std::string(100'000, '{')) != "");
    CHECK(refused("i8" + std::string(100'000, '?')) != "");
    std::string deep;
    for (int i = 0; i != 10'000; ++i)
        deep += "{a:";
    CHECK(refused(deep) != "");
    CHECK(refused("enum:i32()").empty());
    CHECK(refused("enum:u8(a=0,b=255)?").empty());
}

TEST_CASE("no cut and no change of a byte makes a name crash its parser")
{
    auto const seed = covey::test::seed();
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    auto const text = covey::test::every_kind{}.described().text();
    for (int i = 0; i != 5000; ++i) {
        auto changed = text.substr(0, random() % 4 == 0 ? random() % text.size() : text.size());
        for (auto n = random() % 3; n != 0 && !changed.empty(); --n)
            changed[random() % changed.size()] = static_cast<char>(random());
        std::string what;
        try {
            auto const read = schema::parse(changed).text();
            CHECK(schema::parse(read).text() == read);
        } catch (std::invalid_argument const& failed) {
            what = failed.what();
        }
        CHECK((what.empty() || what.starts_with("line ")));
    }
}

TEST_CASE("a schema's text is parsed to the schema it was made from")
{
    auto const made = covey::test::every_kind{}.described();
    auto const parsed = schema::parse(made.text());
    CHECK(parsed.text() == made.text());
    CHECK(parsed.fingerprint() == made.fingerprint());
    REQUIRE(parsed.fields.size() == made.fields.size());
    for (std::size_t i = 0; i != made.fields.size(); ++i) {
        CAPTURE(made.fields[i].name);
        CHECK(parsed.fields[i].name == made.fields[i].name);
        CHECK(parsed.fields[i].kind == made.fields[i].kind);
        CHECK(parsed.fields[i].key_bytes == made.fields[i].key_bytes);
        CHECK(parsed.fields[i].row_bytes == made.fields[i].row_bytes);
        CHECK(parsed.fields[i].capacity == made.fields[i].capacity);
        CHECK(parsed.fields[i].keep.expires == made.fields[i].keep.expires);
        CHECK(parsed.fields[i].keep.full == made.fields[i].keep.full);
    }
}

TEST_CASE("a schema's text that cannot be read is refused with line and column")
{
    CHECK(refused_schema("counter a i64") == "line 1: it does not end");
    CHECK(refused_schema("counter a i64\nthing b i64\n") ==
          "line 2, column 1: expected a kind of field that this version knows");
    CHECK(refused_schema("counter A i64\n") ==
          "line 1, column 11: expected a name of 1 to 64 of a-z, 0-9 and _");
    CHECK(refused_schema("counter a i64\ncounter a i64\n") == "line 2, field a is there twice");
    CHECK(refused_schema("map a i64 i64, capacity 3\n") ==
          "line 1, column 10: expected \" -> \" and a row's type");
    CHECK(refused_schema("map a u8 -> i64\n") == "line 1, column 16: expected \", capacity \"");
    CHECK(refused_schema("map a u8 -> i64, capacity 3, evict\n") ==
          "line 1, column 28: expected the end of the line");
    CHECK(refused_schema("histogram h u64, up to 10, 15 bits\n") != "");
    CHECK(refused_schema("map a text<300> -> i64, capacity 3\n") ==
          "line 1, column 20: expected a key of at most 216 bytes");
    CHECK(refused_schema("").empty());
}

TEST_CASE("a key is written as people write it and reads back as the same")
{
    auto const key = [](std::string const& type, std::string const& text) {
        return row_type::parse(type).from_text(text);
    };
    auto const again = [&](std::string const& type, std::string const& text) {
        return row_type::to_text(key(type, text));
    };
    CHECK(*key("i64", "-5").as<std::int64_t>() == -5);
    CHECK(*key("text<8>", "a,b]").as<std::string>() == "a,b]");
    CHECK(again("u64", "18446744073709551615") == "18446744073709551615");
    CHECK(again("bytes<4>", "00ff10") == "00ff10");
    CHECK(again("enum:i16(calm=-1,busy=7)", "busy") == "busy");
    CHECK(again("enum:i16(calm=-1,busy=7)", "12") == "12");
    CHECK(again("enum:i16(calm=-1,busy=7)", "-1") == "calm");
    CHECK(again("i32[3]", "[1,2,-3]") == "[1,2,-3]");
    CHECK(again("i32[..3]", "[]") == "[]");
    CHECK(again("text<9>[2]", "[a\\,b,c\\]\\\\]") == "[a\\,b,c\\]\\\\]");
    CHECK(*(*key("text<9>[2]", "[a\\,b,c\\]\\\\]").as<row_value::list>())[1].as<std::string>() ==
          "c]\\");
    CHECK(again("text<9>[1][2]", "[[a\\,b],[c]]") == "[[a\\,b],[c]]");
    CHECK(again("bool", "true") == "true");
    CHECK_THROWS_AS(key("u8", "256"), std::invalid_argument);
    CHECK_THROWS_AS(key("u8", "-1"), std::invalid_argument);
    CHECK_THROWS_AS(key("u8", "1 "), std::invalid_argument);
    CHECK_THROWS_AS(key("text<2>", "abc"), std::invalid_argument);
    CHECK_THROWS_AS(key("bytes<2>", "0"), std::invalid_argument);
    CHECK_THROWS_AS(key("bytes<2>", "0x"), std::invalid_argument);
    CHECK_THROWS_AS(key("i32[3]", "[1,2]"), std::invalid_argument);
    CHECK_THROWS_AS(key("i32[3]", "1,2,3"), std::invalid_argument);
    CHECK_THROWS_AS(key("f64", "1.5"), std::invalid_argument);
}

TEST_CASE("a value is told as JSON, whatever bytes it holds")
{
    CHECK(to_json({}) == "null");
    CHECK(to_json({true}) == "true");
    CHECK(to_json(row_value::of(std::uint64_t{1} << 63)) == "9223372036854775808");
    CHECK(to_json({0.5}) == "0.5");
    CHECK(to_json({std::numeric_limits<double>::infinity()}) == "null");
    CHECK(to_json({std::string{"a\"\\\n\x01\x7f"}}) == R"("a\"\\\n\u0001\u007f")");
    CHECK(to_json({std::string{"\xc3\xbc"}}) == "\"\xc3\xbc\"");
    CHECK(to_json({std::string{"\xc3"}}) == "\"\xef\xbf\xbd\"");
    CHECK(to_json({std::string{"\xed\xa0\x80x"}}).ends_with("x\""));
    CHECK(to_json({row_value::bytes{std::byte{1}, std::byte{255}}}) == "\"01ff\"");
    CHECK(to_json({row_value::list{}}) == "[]");
    CHECK(to_json({row_value::structure{{"a", {true}}, {"b", {row_value::list{{}, {}}}}}}) ==
          R"({"a":true,"b":[null,null]})");
}

} // namespace row_type_test
