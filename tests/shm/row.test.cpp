// What may be a row or a key: that it comes back as it was, that nothing of the stack goes with it,
// and what it is called in the schema.
#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <boost/describe/enum.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/value.hpp>
#include <cstring>
#include <new>

namespace row_test {

namespace {

enum class mood : std::int16_t { calm = -1, busy = 7 };
BOOST_DESCRIBE_ENUM(mood, calm, busy)
enum class plain : std::uint8_t { one, two };

struct point
{
    std::int8_t x = 0;
    double y = 0;
    friend bool operator==(point const&, point const&) = default;
};
BOOST_DESCRIBE_STRUCT(point, (), (x, y))

struct everything
{
    bool on = false;
    mood how = mood::calm;
    plain which = plain::one;
    covey::text<5> name{};
    covey::bytes<3> token{};
    std::array<point, 2> corners{};
    covey::inplace_vector<std::uint8_t, 3> few{};
    covey::inplace_vector<point, 2> path{};
    std::optional<std::int32_t> maybe{};
    std::optional<point> there{};
    float last = 0;
    friend bool operator==(everything const&, everything const&) = default;
};
BOOST_DESCRIBE_STRUCT(everything, (),
                      (on, how, which, name, token, corners, few, path, maybe, there, last))

everything sample()
{
    std::array const token{std::byte{1}, std::byte{0}, std::byte{255}};
    return {.on = true,
            .how = mood::busy,
            .which = plain::two,
            .name = "abc",
            .token = covey::bytes<3>{token},
            .corners = {point{1, 0.5}, point{-1, -0.5}},
            .few = {9, 8},
            .path = {point{3, 4}},
            .maybe = -5,
            .there = point{7, 8},
            .last = 1.5F};
}

struct shared : covey::state
{
    covey::value<everything> all{*this, "all"};
    covey::map<covey::bytes<8>, covey::inplace_vector<std::int64_t, 4>> lists{*this, "lists",
                                                                              covey::capacity{8}};
};

// A value made in memory that is full of `filler`.
template <class T>
std::vector<std::uint64_t> words_over(unsigned char filler, T const& value)
{
    alignas(T) unsigned char dirt[sizeof(T)];
    std::memset(dirt, filler, sizeof dirt);
    T* const made = ::new (dirt) T(value);
    std::vector<std::uint64_t> out(covey::detail::words_of<T>);
    covey::detail::to_words(*made, out.data());
    return out;
}

} // namespace

TEST_CASE("every type that a row may have comes back as it was put")
{
    covey::test::test_segment<shared> world{2};
    auto const one = world.join(0);
    auto const two = world.join(1);
    CHECK(two->view.all.get() == everything{});
    REQUIRE(one->view.all.put(sample()).stored());
    CHECK(two->view.all.get() == sample());

    std::array const key{std::byte{0}, std::byte{7}};
    REQUIRE(one->view.lists.put(covey::bytes<8>{key}, {5, 6, 7}).stored());
    CHECK(two->view.lists.get(covey::bytes<8>{key}) ==
          covey::inplace_vector<std::int64_t, 4>{5, 6, 7});
    CHECK_FALSE(two->view.lists.get(covey::bytes<8>{std::span{key}.first(1)}));
}

TEST_CASE("equal rows are equal words, whatever was in their padding and unused parts")
{
    auto shorter = sample();
    shorter.path.push_back({1, 1});
    shorter.path.pop_back();
    shorter.few.push_back(77);
    shorter.few.erase_at(2);
    shorter.there.reset();
    auto same = sample();
    same.there = std::nullopt;
    REQUIRE(shorter == same);
    CHECK(words_over(0xaa, shorter) == words_over(0x55, same));
    CHECK(words_over(0xff, sample()) == words_over(0x00, sample()));
}

TEST_CASE("a row type's name tells its layout")
{
    CHECK(covey::detail::shared_type<everything>::name() ==
          "{on:bool,how:enum:i16(calm=-1,busy=7),which:enum:u8,name:text<5>,token:bytes<3>,"
          "corners:{x:i8,y:f64}[2],few:u8[..3],path:{x:i8,y:f64}[..2],maybe:i32?,"
          "there:{x:i8,y:f64}?,last:f32}");
}

TEST_CASE("a vector in a row holds as many as it says, and says so")
{
    covey::inplace_vector<int, 2> few;
    CHECK(few.empty());
    few.push_back(1);
    CHECK(few.try_push_back(2));
    CHECK_FALSE(few.try_push_back(3));
    CHECK_THROWS_AS(few.push_back(3), std::length_error);
    few.erase_at(0);
    CHECK(few == covey::inplace_vector<int, 2>{2});
    std::array<std::byte, 4> const four{};
    CHECK_FALSE(covey::bytes<3>::fits(four));
    CHECK_THROWS_AS(covey::bytes<3>{four}, std::length_error);
}

namespace {

struct swapped
{
    std::int64_t first = 0;
    std::int64_t second = 0;
};
BOOST_DESCRIBE_STRUCT(swapped, (), (second, first))

} // namespace

TEST_CASE("a row whose members are described in another order is refused when the state is made")
{
    struct swaps : covey::state
    {
        covey::value<swapped> one{*this, "one"};
    };
    CHECK_THROWS_AS(swaps{}, std::invalid_argument);
}

} // namespace row_test
