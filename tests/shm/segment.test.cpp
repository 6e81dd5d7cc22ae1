#include "support/catch.hpp"
#include "support/test_segment.hpp"

#include <boost/system/system_error.hpp>
#include <covey/shm/arena.hpp>
#include <covey/shm/counter.hpp>
#include <covey/shm/error.hpp>
#include <covey/shm/map.hpp>
#include <covey/shm/value.hpp>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>

namespace segment_test {

namespace {

struct small : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::value<bool> open{*this, "open", true};
    covey::map<covey::text<8>, std::int64_t> rows{*this, "rows", covey::capacity{10}};
};

struct other : covey::state
{
    covey::counter hits{*this, "hits"};
    covey::value<bool> open{*this, "open", true};
    covey::map<covey::text<8>, std::int32_t> rows{*this, "rows", covey::capacity{10}};
};

struct swapped : covey::state // the same size, another order
{
    covey::value<bool> open{*this, "open", true};
    covey::counter hits{*this, "hits"};
    covey::map<covey::text<8>, std::int64_t> rows{*this, "rows", covey::capacity{10}};
};

using covey::segment;
using covey::shm::error;

boost::system::error_code attach_fails(covey::handle const& lent, covey::schema const& expected,
                                       std::string* what = nullptr)
{
    try {
        segment::attach(lent, expected);
        return {};
    } catch (boost::system::system_error const& failed) {
        if (what != nullptr)
            *what = failed.what();
        return failed.code();
    }
}

} // namespace

TEST_CASE("a counter sums the blocks and survives a worker's death")
{
    covey::test::test_segment<small> three{3};
    auto const a = three.join(0);
    {
        auto const b = three.join(1);
        CHECK(a->view.hits.add() == 1);
        CHECK(b->view.hits.add(5) == 6);
    }
    REQUIRE(three.memory.reap_block(1, three.bells));
    three.memory.open_block(1, {.pid = 1, .id = 9, .generation = 1});
    auto const again = three.join(1);
    CHECK(again->view.hits.get() == 6);
    CHECK(again->view.hits.add(-2) == 4);
    CHECK(a->view.hits.get() == 4);
}

TEST_CASE("a value starts with its default and every update sees the last one")
{
    covey::test::test_segment<small> one{1};
    auto const me = one.join(0);
    CHECK(me->view.open.get());
    CHECK(me->view.open.find().revision == 0);
    auto const put = me->view.open.put(false);
    CHECK(put.stored());
    CHECK_FALSE(me->view.open.get());
    CHECK(me->view.open.compare_and_set(put.revision + 1, true) == covey::put_result::conflict);
    CHECK(me->view.open.compare_and_set(put.revision, true).stored());
    CHECK(me->view.open.get());
}

TEST_CASE("a program with another schema is refused and told both schemas")
{
    covey::test::test_segment<small> one{1};
    auto const lent = one.memory.lend();
    std::string what;
    CHECK(attach_fails(lent, other{}.described(), &what) == error::schema_differs);
    CHECK(what.find("rows text<8> -> i64, capacity 10") != std::string::npos);
    CHECK(what.find("rows text<8> -> i32, capacity 10") != std::string::npos);
    CHECK(attach_fails(lent, swapped{}.described()) == error::schema_differs);
    CHECK_FALSE(attach_fails(lent, small{}.described()));
}

TEST_CASE("what is no segment, of another layout, or not ready, is refused")
{
    covey::handle const empty{::memfd_create("empty", MFD_CLOEXEC)};
    CHECK(attach_fails(empty, small{}.described()) == error::not_a_segment);
    covey::handle const zeros{::memfd_create("zeros", MFD_CLOEXEC)};
    REQUIRE(::ftruncate(zeros.get(), 1 << 20) == 0);
    CHECK(attach_fails(zeros, small{}.described()) == error::not_a_segment);
    covey::handle const null{::open("/dev/null", O_RDWR | O_CLOEXEC)};
    CHECK(attach_fails(null, small{}.described()) == error::not_a_segment);
    covey::test::test_segment<small> one{1};
    auto const lent = one.memory.lend();
    auto& head = one.memory.memory()->head();
    head.ready.store(0); // as its maker leaves it, if that dies early
    CHECK(attach_fails(lent, small{}.described()) == error::not_ready);
    head.ready.store(1);
    head.layout_version += 1;
    CHECK(attach_fails(lent, small{}.described()) == error::wrong_layout);
    head.layout_version -= 1;
    CHECK_FALSE(attach_fails(lent, small{}.described()));
}

TEST_CASE("nobody can shrink or grow a segment, and it has no name in /dev/shm")
{
    auto const named = [] {
        return std::distance(std::filesystem::directory_iterator{"/dev/shm"},
                             std::filesystem::directory_iterator{});
    };
    auto const before = named();
    covey::test::test_segment<small> one{1};
    auto const lent = one.memory.lend();
    CHECK(::ftruncate(lent.get(), 4096) == -1);
    CHECK(::ftruncate(lent.get(), 1 << 30) == -1);
    CHECK(named() == before);
}

TEST_CASE("the segment's size is the plan's, and all of it is allocated at the start")
{
    covey::test::test_segment<small> one{1};
    auto const lent = one.memory.lend();
    struct ::stat found
    {};
    REQUIRE(::fstat(lent.get(), &found) == 0);
    CHECK(static_cast<std::uint64_t>(found.st_size) == one.memory.bytes());
    CHECK(static_cast<std::uint64_t>(found.st_blocks) * 512 >= one.memory.bytes());
}

TEST_CASE("a schema that cannot fit says which bytes were asked for")
{
    struct huge : covey::state
    {
        covey::map<std::uint64_t, std::array<std::uint64_t, 1000>> rows{
            *this, "rows", covey::capacity{4'000'000'000}};
    };
    try {
        segment::create(huge{}.described(), 1, "huge");
        FAIL("64 TB of memory");
    } catch (boost::system::system_error const& failed) {
        CHECK(std::string{failed.what()}.find("bytes of shared memory") != std::string::npos);
    } catch (std::invalid_argument const& failed) {
        CHECK(std::string{failed.what()}.find("bytes of shared memory") != std::string::npos);
    }
    struct none : covey::state
    {
        covey::map<std::uint64_t, bool> rows{*this, "rows", covey::capacity{0}};
    };
    CHECK_THROWS_AS(segment::create(none{}.described(), 1, "none"), std::invalid_argument);
}

TEST_CASE("a field with a bad or doubled name is refused when the state is made")
{
    struct bad : covey::state
    {
        covey::counter one{*this, "Not a name"};
    };
    struct doubled : covey::state
    {
        covey::counter one{*this, "same"};
        covey::counter two{*this, "same"};
    };
    CHECK_THROWS_AS(bad{}, std::invalid_argument);
    CHECK_THROWS_AS(doubled{}, std::invalid_argument);
}

TEST_CASE("a block's load is what its worker says, and is cleared when it is reaped")
{
    covey::test::test_segment<small> two{2};
    auto const me = two.join(1);
    me->who.set_load({.connections = 3, .in_flight = 1, .requests = 12});
    CHECK(two.memory.load_of(1).connections == 3);
    CHECK(two.memory.load_of(1).requests == 12);
    CHECK(two.memory.load_of(0).connections == 0);
    REQUIRE(two.memory.reap_block(1, two.bells));
    CHECK(two.memory.load_of(1).connections == 0);
    CHECK(two.memory.owner_of(1).pid == 0);
}

} // namespace segment_test
